// DLPack's function table: the pointer of a tensor in nanoseconds, where the Python protocol takes
// microseconds. Anything unusual is left to the slow way, whose errors explain it.
#include "bindings/sources.h"

namespace steepest::bindings {
namespace {

bool simple_dtype(const dlpack::DataType& t, DType& dtype) {
    if (t.lanes != 1) return false;
    if (t.code == dlpack::kBfloat && t.bits == 16) return dtype = DType::bf16, true;
    if (t.code != dlpack::kFloat) return false;
    if (t.bits == 32) return dtype = DType::f32, true;
    if (t.bits == 64) return dtype = DType::f64, true;
    if (t.bits == 16) return dtype = DType::f16, true;
    return false;
}

bool is_cuda(const dlpack::Device& device) {
    return device.type == dlpack::kCuda || device.type == dlpack::kCudaManaged;
}

// The table does not make its framework's work wait, so on a device only the framework serves
// whose work our stream follows.
bool is_in(const Place& place, const dlpack::Device& device, Framework framework) {
    if (!place.on_device()) return device.type == dlpack::kCpu;
    return is_cuda(device) && device.id == place.device() && place.follows(framework);
}

bool read(const Kind& kind, py::handle object, dlpack::Tensor& t) {
    if (!kind.exchange) return false;
    if (kind.exchange->tensor_from_object(object.ptr(), &t) == 0) return true;
    PyErr_Clear();
    return false;
}

}  // namespace

bool exchange_matches(py::handle object, const Shape& shape, const Place& place, void*& data,
                      DType& dtype) {
    const Kind kind = kind_of(Py_TYPE(object.ptr()));
    dlpack::Tensor t{};
    if (!read(kind, object, t)) return false;
    if (!is_in(place, t.device, kind.framework) ||
        t.ndim != static_cast<int>(shape.extent.size()) || !t.data || !t.strides ||
        !simple_dtype(t.dtype, dtype))
        return false;
    for (size_t d = 0; d < shape.extent.size(); ++d)
        if (t.shape[d] != shape.extent[d] || t.strides[d] != shape.stride[d]) return false;
    data = static_cast<char*>(t.data) + t.byte_offset;
    return true;
}

bool from_exchange(py::handle object, const ArgName& name, Place& place, Holds holds, Array& a) {
    const Kind kind = kind_of(Py_TYPE(object.ptr()));
    dlpack::Tensor t{};
    if (!read(kind, object, t) || !is_cuda(t.device) || t.device.id < 0 || !t.strides) return false;
    const bool int64 = t.dtype.code == dlpack::kInt && t.dtype.bits == 64 && t.dtype.lanes == 1;
    if (holds == Holds::int64 ? !int64 : !simple_dtype(t.dtype, a.dtype)) return false;
    place.accept(t.device.id, object, name);
    if (!place.follows(kind.framework)) return false;
    check_stored(object, name);
    a.device = t.device.id;
    a.data = t.data ? static_cast<char*>(t.data) + t.byte_offset : nullptr;
    a.shape.extent.assign(t.shape, t.shape + t.ndim);
    a.shape.stride.assign(t.strides, t.strides + t.ndim);
    a.keep = std::make_shared<py::object>(py::reinterpret_borrow<py::object>(object));
    return true;
}

}  // namespace steepest::bindings
