#include "bindings/framework.h"

namespace steepest::bindings {

namespace py = pybind11;

py::object imported(const char* name) {
    auto module = py::reinterpret_steal<py::object>(PyImport_GetModule(py::str(name).ptr()));
    if (!module) PyErr_Clear();
    return module;
}

namespace {

bool is_of(PyTypeObject* type, const char* module_name, const char* class_name) {
    const py::object module = imported(module_name);
    if (!module) return false;
    const auto base = py::reinterpret_steal<py::object>(
        PyObject_GetAttrString(module.ptr(), class_name));  // may be half imported
    if (!base) PyErr_Clear();
    return base && PyType_Check(base.ptr()) &&
           PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(base.ptr()));
}

const dlpack::ExchangeApi* exchange_of(PyTypeObject* type) {
    const auto capsule = py::reinterpret_steal<py::object>(
        PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__dlpack_c_exchange_api__"));
    if (!capsule || !PyCapsule_IsValid(capsule.ptr(), "dlpack_exchange_api")) {
        PyErr_Clear();
        return nullptr;
    }
    const auto* api = static_cast<const dlpack::ExchangeApi*>(
        PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
    return api->version.major == 1 && api->tensor_from_object ? api : nullptr;
}

Kind look_up(PyTypeObject* type) {
    Kind kind;
    if (is_of(type, "torch", "Tensor")) kind.framework = Framework::torch;
    if (is_of(type, "cupy", "ndarray")) kind.framework = Framework::cupy;
    kind.exchange = exchange_of(type);
    return kind;
}

struct Known {
    PyTypeObject* type = nullptr;
    Kind kind;
};

}  // namespace

// Types and tables live as long as the process, and arrays are of few types: parameters and
// tensors, as a rule.
Kind kind_of(PyTypeObject* type) {
    constexpr unsigned kEntries = 4;
    thread_local Known known[kEntries];
    thread_local unsigned next = 0;
    for (const Known& k : known)
        if (k.type == type) return k.kind;
    const Kind kind = look_up(type);
    Known& place = known[next++ % kEntries];
    Py_INCREF(type);  // so that no other type takes its address
    Py_XDECREF(place.type);
    place = {type, kind};
    return kind;
}

}  // namespace steepest::bindings
