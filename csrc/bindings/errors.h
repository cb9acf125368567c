// Errors of the Python boundary: each names the argument, what was given and what was expected.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "steepest/steepest.h"

namespace steepest::bindings {

namespace py = pybind11;

[[noreturn]] inline void raise(PyObject* type, const std::string& message) {
    PyErr_SetString(type, message.c_str());
    throw py::error_already_set();
}

[[noreturn]] inline void type_error(const std::string& message) { raise(PyExc_TypeError, message); }
[[noreturn]] inline void value_error(const std::string& message) {
    raise(PyExc_ValueError, message);
}
[[noreturn]] inline void buffer_error(const std::string& message) {
    raise(PyExc_BufferError, message);
}
[[noreturn]] void device_error(const std::string& message);  // steepest.DeviceError

// "float32 array"-like words for any object.
inline std::string type_name(py::handle h) {
    return h.is_none() ? "None" : std::string(Py_TYPE(h.ptr())->tp_name);
}

inline std::string repr_text(py::handle h) { return py::cast<std::string>(py::repr(h)); }

// Name of an argument or of one tensor of it. Made into text only when an error needs it.
struct ArgName {
    const char* name;
    int64_t index = -1;

    std::string text() const {
        return index < 0 ? std::string(name)
                         : std::string(name) + "[" + std::to_string(index) + "]";
    }
};

// Status of a C call as an exception; nothing for STEEPEST_OK.
void throw_status(steepest_status status);

}  // namespace steepest::bindings
