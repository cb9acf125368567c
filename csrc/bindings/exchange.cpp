// DLPack's function table: the pointer of a tensor in nanoseconds, where the Python protocol takes
// microseconds. Anything unusual is left to the slow way, whose errors explain it.
#include <atomic>

#include "bindings/dlpack.h"
#include "bindings/sources.h"

namespace steepest::bindings {
namespace {

const dlpack::ExchangeApi* look_up(PyTypeObject* type) {
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

// Tables live as long as the process and gradients are of few types: one entry per thread is
// enough.
const dlpack::ExchangeApi* table_of(PyTypeObject* type) {
    thread_local PyTypeObject* last_type = nullptr;
    thread_local const dlpack::ExchangeApi* last_api = nullptr;
    if (type != last_type) {
        last_api = look_up(type);
        Py_INCREF(type);  // so that no other type takes its address
        Py_XDECREF(last_type);
        last_type = type;
    }
    return last_api;
}

bool simple_dtype(const dlpack::DataType& t, DType& dtype) {
    if (t.lanes != 1) return false;
    if (t.code == dlpack::kBfloat && t.bits == 16) return dtype = DType::bf16, true;
    if (t.code != dlpack::kFloat) return false;
    if (t.bits == 32) return dtype = DType::f32, true;
    if (t.bits == 64) return dtype = DType::f64, true;
    if (t.bits == 16) return dtype = DType::f16, true;
    return false;
}

}  // namespace

bool exchange_matches(py::handle object, const Shape& shape, void*& data, DType& dtype) {
    const dlpack::ExchangeApi* api = table_of(Py_TYPE(object.ptr()));
    if (!api) return false;
    dlpack::Tensor t{};
    if (api->tensor_from_object(object.ptr(), &t) != 0) {
        PyErr_Clear();
        return false;
    }
    if (t.device.type != dlpack::kCpu || t.ndim != static_cast<int>(shape.extent.size()) ||
        !t.data || !t.strides || !simple_dtype(t.dtype, dtype))
        return false;
    for (size_t d = 0; d < shape.extent.size(); ++d)
        if (t.shape[d] != shape.extent[d] || t.strides[d] != shape.stride[d]) return false;
    data = static_cast<char*>(t.data) + t.byte_offset;
    return true;
}

}  // namespace steepest::bindings
