#include "bindings/arrays.h"

#include <array>
#include <atomic>

#include "bindings/sources.h"

namespace steepest::bindings {
namespace {

// Descriptors of native dtypes are singletons, so a pointer tells the dtype. ml_dtypes.bfloat16's
// is remembered when it is first met.
std::array<std::atomic<PyObject*>, kDTypes> descriptors{};

void remember(PyObject* descriptor, DType dtype) {
    PyObject* none = nullptr;
    Py_INCREF(descriptor);  // for as long as the process lives
    if (!descriptors[static_cast<int>(dtype)].compare_exchange_strong(none, descriptor))
        Py_DECREF(descriptor);
}

DType inspect_descriptor(const py::dtype& d, const ArgName& name) {
    const std::string text = py::cast<std::string>(d.attr("name"));
    const bool native = py::cast<bool>(d.attr("isnative"));
    if (!native) wrong_dtype(name, py::cast<std::string>(py::str(d)) + " (byte-swapped)");
    DType dtype;
    if (text == "float32")
        dtype = DType::f32;
    else if (text == "float64")
        dtype = DType::f64;
    else if (text == "float16")
        dtype = DType::f16;
    else if (text == "bfloat16" && d.itemsize() == 2)
        dtype = DType::bf16;
    else
        wrong_dtype(name, text);
    remember(d.ptr(), dtype);
    return dtype;
}

const auto* proxy(py::handle array) { return py::detail::array_proxy(array.ptr()); }

bool is_writeable(py::handle array) {
    return (proxy(array)->flags & py::detail::npy_api::NPY_ARRAY_WRITEABLE_) != 0;
}

bool is_device_array(py::handle object) { return py::hasattr(object, "__cuda_array_interface__"); }

}  // namespace

bool known_descriptor(PyObject* descriptor, DType& dtype) {
    for (int t = 0; t < kDTypes; ++t) {
        if (descriptors[t].load(std::memory_order_relaxed) == descriptor) {
            dtype = static_cast<DType>(t);
            return true;
        }
    }
    return false;
}

DType dtype_of_descriptor(py::handle descriptor, const ArgName& name) {
    DType dtype;
    if (known_descriptor(descriptor.ptr(), dtype)) return dtype;
    return inspect_descriptor(py::reinterpret_borrow<py::dtype>(descriptor), name);
}

void wrong_dtype(const ArgName& name, const std::string& given, Holds expected) {
    type_error(name.text() + ": dtype " + given + " given, expected " +
               (expected == Holds::int64 ? "int64" : "float32, float64, bfloat16 or float16"));
}

void odd_strides(const ArgName& name) {
    value_error(name.text() +
                ": strides that are no multiple of the item size given, expected a dense array");
}

Array from_numpy(py::handle object, const ArgName& name, Place& place) {
    place.accept(kHost, object, name);
    const auto* p = proxy(object);
    Array a;
    a.dtype = dtype_of_descriptor(p->descr, name);
    a.data = p->data;
    const int64_t size = size_of(a.dtype);
    for (int d = 0; d < p->nd; ++d) {
        if (p->strides[d] % size && p->dimensions[d] > 1) odd_strides(name);
        a.shape.extent.push_back(p->dimensions[d]);
        a.shape.stride.push_back(p->strides[d] / size);
    }
    if (!is_writeable(object)) a.refusal = "read-only";
    a.keep = std::make_shared<py::object>(py::reinterpret_borrow<py::object>(object));
    return a;
}

const char* dtype_name(DType t) {
    switch (t) {
        case DType::f32:
            return "float32";
        case DType::f64:
            return "float64";
        case DType::bf16:
            return "bfloat16";
        case DType::f16:
            return "float16";
    }
    return "?";
}

Array to_array(py::handle object, const ArgName& name, Place& place, Holds holds) {
    if (py::isinstance<py::array>(object)) return from_numpy(object, name, place);
    if (place.device() != kHost && knows_devices()) {
        const Kind kind = kind_of(Py_TYPE(object.ptr()));
        Array a;
        if (kind.framework == Framework::cupy) return from_cupy(object, name, place, holds);
        if (kind.framework == Framework::torch && from_exchange(object, name, place, holds, a))
            return a;
    }
    if (py::hasattr(object, "__dlpack__")) return from_dlpack(object, name, place, holds);
    if (PyObject_CheckBuffer(object.ptr())) return from_buffer(object, name, place);
    if (is_device_array(object)) {
        if (knows_devices()) return from_cuda_array(object, name, place, holds);
        device_error(name.text() +
                     ": array on a CUDA device given, expected one in host memory: this "
                     "build has no CUDA kernels");
    }
    type_error(name.text() + ": " + type_name(object) +
               " given, expected an array (NumPy, DLPack, CUDA array interface or buffer)");
}

namespace {

bool numpy_matches(py::handle object, const Shape& shape, void*& data, DType& dtype) {
    const auto* p = proxy(object);
    if (!known_descriptor(p->descr, dtype)) return false;
    if (p->nd != static_cast<int>(shape.extent.size())) return false;
    const int64_t size = size_of(dtype);
    for (int d = 0; d < p->nd; ++d)
        if (p->dimensions[d] != shape.extent[static_cast<size_t>(d)] ||
            p->strides[d] != shape.stride[static_cast<size_t>(d)] * size)
            return false;
    data = p->data;
    return true;
}

}  // namespace

bool matches(py::handle object, const Shape& shape, const Place& place, void*& data, DType& dtype) {
    if (Py_TYPE(object.ptr()) == py::detail::npy_api::get().PyArray_Type_)
        return !place.on_device() && numpy_matches(object, shape, data, dtype);
    return exchange_matches(object, shape, place, data, dtype) ||
           (place.on_device() && cupy_matches(object, shape, place, data, dtype));
}

}  // namespace steepest::bindings
