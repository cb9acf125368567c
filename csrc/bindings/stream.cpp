#include "bindings/stream.h"

namespace steepest::bindings {
namespace {

constexpr uintptr_t kLegacyDefault = 1;

void* to_handle(uintptr_t address) {
    return reinterpret_cast<void*>(address ? address : kLegacyDefault);
}

[[noreturn]] void bad_stream(py::handle given, const char* what) {
    value_error("stream: " + repr_text(given) + " given" + what +
                ", expected the address of a CUDA stream, 1 or 2");
}

void* handle_of_int(py::handle number, py::handle given, const char* what) {
    const unsigned long long address = PyLong_AsUnsignedLongLong(number.ptr());
    const bool failed = PyErr_Occurred() != nullptr;
    if (failed) PyErr_Clear();
    void* handle = to_handle(static_cast<uintptr_t>(address));
    // The emulation's stream would have device code follow pointers of the other kind.
    if (failed || handle == STEEPEST_STREAM_EMULATED) bad_stream(given, what);
    return handle;
}

py::object attribute(py::handle object, const char* name) {
    auto value = py::reinterpret_steal<py::object>(PyObject_GetAttrString(object.ptr(), name));
    if (!value && !PyErr_ExceptionMatches(PyExc_AttributeError)) throw py::error_already_set();
    PyErr_Clear();
    return value;
}

// https://nvidia.github.io/cuda-python/cuda-core/latest/interoperability.html
py::object handle_by_protocol(py::handle value) {
    const py::object method = attribute(value, "__cuda_stream__");
    if (!method) return {};
    const py::object answer = method();
    if (!PyTuple_Check(answer.ptr()) || PyTuple_GET_SIZE(answer.ptr()) != 2)
        type_error("stream: __cuda_stream__ gave " + repr_text(answer) +
                   ", expected a tuple of version and address");
    const py::handle version = PyTuple_GET_ITEM(answer.ptr(), 0);
    if (!version.equal(py::int_(0)))
        value_error("stream: version " + repr_text(version) +
                    " of __cuda_stream__ given, expected 0");
    return py::reinterpret_borrow<py::object>(PyTuple_GET_ITEM(answer.ptr(), 1));
}

py::object handle_of_object(py::handle value) {
    if (py::object handle = handle_by_protocol(value)) return handle;
    for (const char* name : {"cuda_stream", "ptr"})
        if (py::object handle = attribute(value, name)) return handle;
    return {};
}

}  // namespace

Stream to_stream(py::handle value) {
    if (value.is_none()) return {};
    if (PyLong_Check(value.ptr()) && !PyBool_Check(value.ptr()))
        return {handle_of_int(value, value, ""), {}};
    const py::object handle = handle_of_object(value);
    if (!handle || !PyLong_Check(handle.ptr()) || PyBool_Check(handle.ptr()))
        type_error("stream: " + type_name(value) +
                   " given, expected an int or an object with cuda_stream, ptr or "
                   "__cuda_stream__");
    return {handle_of_int(handle, value, " that stands for no stream"),
            py::reinterpret_borrow<py::object>(value)};
}

Stream current_stream(const Kind& kind, int32_t device) {
    if (kind.framework == Framework::other) return {to_handle(kLegacyDefault), {}};
    // CuPy destroys a stream with its last owner, and the table hands out none.
    const bool owned_elsewhere = kind.framework == Framework::torch;
    if (owned_elsewhere && kind.exchange && kind.exchange->current_work_stream) {
        void* stream = nullptr;
        if (kind.exchange->current_work_stream(dlpack::kCuda, device, &stream) == 0)
            return {to_handle(reinterpret_cast<uintptr_t>(stream)), {}};
        PyErr_Clear();
    }
    if (kind.framework == Framework::torch)
        return to_stream(imported("torch").attr("cuda").attr("current_stream")(device));
    return to_stream(imported("cupy").attr("cuda").attr("get_current_stream")(device));
}

}  // namespace steepest::bindings
