#include "bindings/arrays.h"

#include <array>
#include <atomic>
#include <cstring>

#include "bindings/dlpack.h"

namespace steepest::bindings {
namespace {

// Descriptors of native dtypes are singletons, so a pointer tells the dtype. ml_dtypes.bfloat16's
// is remembered when it is first met.
std::array<std::atomic<PyObject*>, kDTypes> known_descriptor{};

bool dtype_of_descriptor(PyObject* descriptor, DType& dtype) {
    for (int t = 0; t < kDTypes; ++t) {
        if (known_descriptor[t].load(std::memory_order_relaxed) == descriptor) {
            dtype = static_cast<DType>(t);
            return true;
        }
    }
    return false;
}

void remember(PyObject* descriptor, DType dtype) {
    PyObject* none = nullptr;
    Py_INCREF(descriptor);  // for as long as the process lives
    if (!known_descriptor[static_cast<int>(dtype)].compare_exchange_strong(none, descriptor))
        Py_DECREF(descriptor);
}

[[noreturn]] void wrong_dtype(const ArgName& name, const std::string& given) {
    type_error(name.text() + ": dtype " + given +
               " given, expected float32, float64, bfloat16 or float16");
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

[[noreturn]] void odd_strides(const ArgName& name) {
    value_error(name.text() +
                ": strides that are no multiple of the item size given, expected a dense array");
}

Array from_numpy(py::handle object, const ArgName& name) {
    const auto* p = proxy(object);
    Array a;
    if (!dtype_of_descriptor(p->descr, a.dtype))
        a.dtype = inspect_descriptor(py::reinterpret_borrow<py::dtype>(p->descr), name);
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

// ---- DLPack
// ----------------------------------------------------------------------------------------

DType dtype_of(const dlpack::DataType& t, const ArgName& name) {
    if (t.lanes == 1 && t.code == dlpack::kFloat && t.bits == 32) return DType::f32;
    if (t.lanes == 1 && t.code == dlpack::kFloat && t.bits == 64) return DType::f64;
    if (t.lanes == 1 && t.code == dlpack::kFloat && t.bits == 16) return DType::f16;
    if (t.lanes == 1 && t.code == dlpack::kBfloat && t.bits == 16) return DType::bf16;
    wrong_dtype(name, "with DLPack code " + std::to_string(t.code) + ", " + std::to_string(t.bits) +
                          " bits, " + std::to_string(t.lanes) + " lanes");
}

void fill(Array& a, const dlpack::Tensor& t, const ArgName& name) {
    a.dtype = dtype_of(t.dtype, name);
    a.data = t.data ? static_cast<char*>(t.data) + t.byte_offset : nullptr;
    a.shape.extent.assign(t.shape, t.shape + t.ndim);
    if (t.strides) {
        a.shape.stride.assign(t.strides, t.strides + t.ndim);
    } else {
        a.shape.stride.resize(a.shape.extent.size());
        int64_t stride = 1;
        for (size_t d = a.shape.extent.size(); d-- > 0; stride *= a.shape.extent[d])
            a.shape.stride[d] = stride;
    }
}

// Takes the managed tensor out of its capsule; the deleter runs when the last user lets go.
template <class Managed>
Managed* take(py::handle capsule, const char* name, const char* used_name, Array& a) {
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule.ptr(), name));
    if (!managed) throw py::error_already_set();
    PyCapsule_SetName(capsule.ptr(), used_name);
    a.keep = std::shared_ptr<void>(managed, [](void* m) {
        if (auto* owner = static_cast<Managed*>(m); owner->deleter) owner->deleter(owner);
    });
    return managed;
}

py::object export_capsule(py::handle object) {
    try {
        return object.attr("__dlpack__")(py::arg("max_version") = py::make_tuple(1, 0));
    } catch (py::error_already_set& e) {
        if (!e.matches(PyExc_TypeError)) throw;  // an exporter that predates max_version
    }
    return object.attr("__dlpack__")();
}

void check_device(py::handle object, const ArgName& name) {
    const auto device = py::cast<py::tuple>(object.attr("__dlpack_device__")());
    const int type = py::cast<int>(py::int_(device[0]));
    if (type == dlpack::kCpu || type == dlpack::kCudaHost) return;
    device_error(name.text() + ": array on a device given (DLPack device type " +
                 std::to_string(type) +
                 "), expected one in host memory: this build has no kernels for devices");
}

std::string module_of(py::handle object) {
    return py::cast<std::string>(py::str(py::type::of(object).attr("__module__")));
}

Array from_dlpack(py::handle given, const ArgName& name) {
    py::object object = py::reinterpret_borrow<py::object>(given);
    check_device(object, name);
    // torch refuses to export what requires a gradient; the detached tensor shares its memory.
    if (py::hasattr(object, "detach") && py::hasattr(object, "requires_grad"))
        object = object.attr("detach")();
    Array a;
    const py::object capsule = export_capsule(object);
    if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned")) {
        auto* m = static_cast<dlpack::ManagedVersioned*>(
            PyCapsule_GetPointer(capsule.ptr(), "dltensor_versioned"));
        if (m->version.major != 1)
            buffer_error(name.text() + ": DLPack version " + std::to_string(m->version.major) +
                         " given, expected version 1 or none");
        take<dlpack::ManagedVersioned>(capsule, "dltensor_versioned", "used_dltensor_versioned", a);
        fill(a, m->tensor, name);
        if (m->flags & dlpack::kReadOnly) a.refusal = "read-only";
        if (m->flags & dlpack::kCopied) a.refusal = "a copy made for the exchange";
    } else {
        fill(a, take<dlpack::Managed>(capsule, "dltensor", "used_dltensor", a)->tensor, name);
    }
    // Immutable by promise, whatever the exporter says.
    if (module_of(given).rfind("jax", 0) == 0) a.refusal = "an immutable JAX array";
    return a;
}

// ---- Buffers
// ---------------------------------------------------------------------------------------

DType dtype_of_format(const Py_buffer& b, const ArgName& name) {
    const char* f = b.format ? b.format : "B";
    if (*f == '@' || *f == '=' || *f == '<') ++f;
    if (std::strcmp(f, "f") == 0) return DType::f32;
    if (std::strcmp(f, "d") == 0) return DType::f64;
    if (std::strcmp(f, "e") == 0) return DType::f16;
    wrong_dtype(name, "with buffer format '" + std::string(b.format ? b.format : "B") + "'");
}

Array from_buffer(py::handle object, const ArgName& name) {
    auto* buffer = new Py_buffer;
    if (PyObject_GetBuffer(object.ptr(), buffer, PyBUF_FULL_RO) != 0) {
        delete buffer;
        throw py::error_already_set();
    }
    Array a;
    a.keep = std::shared_ptr<void>(buffer, [](void* b) {
        PyBuffer_Release(static_cast<Py_buffer*>(b));
        delete static_cast<Py_buffer*>(b);
    });
    a.dtype = dtype_of_format(*buffer, name);
    a.data = buffer->buf;
    for (int d = 0; d < buffer->ndim; ++d) {
        if (buffer->strides[d] % buffer->itemsize && buffer->shape[d] > 1) odd_strides(name);
        a.shape.extent.push_back(buffer->shape[d]);
        a.shape.stride.push_back(buffer->strides[d] / buffer->itemsize);
    }
    if (buffer->readonly) a.refusal = "read-only";
    return a;
}

bool is_device_array(py::handle object) { return py::hasattr(object, "__cuda_array_interface__"); }

}  // namespace

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

Array to_array(py::handle object, const ArgName& name) {
    if (py::isinstance<py::array>(object)) return from_numpy(object, name);
    if (py::hasattr(object, "__dlpack__")) return from_dlpack(object, name);
    if (PyObject_CheckBuffer(object.ptr())) return from_buffer(object, name);
    if (is_device_array(object))
        device_error(name.text() +
                     ": array on a CUDA device given, expected one in host memory: this "
                     "build has no CUDA kernels");
    type_error(name.text() + ": " + type_name(object) +
               " given, expected an array (NumPy, DLPack or buffer)");
}

bool matches(py::handle object, const Shape& shape, void*& data, DType& dtype) {
    const auto& api = py::detail::npy_api::get();
    if (Py_TYPE(object.ptr()) != api.PyArray_Type_) return false;
    const auto* p = proxy(object);
    if (!dtype_of_descriptor(p->descr, dtype)) return false;
    if (p->nd != static_cast<int>(shape.extent.size())) return false;
    const int64_t size = size_of(dtype);
    for (int d = 0; d < p->nd; ++d)
        if (p->dimensions[d] != shape.extent[static_cast<size_t>(d)] ||
            p->strides[d] != shape.stride[static_cast<size_t>(d)] * size)
            return false;
    data = p->data;
    return true;
}

}  // namespace steepest::bindings
