// Arrays through the buffer protocol: array.array, memoryview, ctypes.
#include <cstring>

#include "bindings/sources.h"

namespace steepest::bindings {
namespace {

DType dtype_of_format(const Py_buffer& b, const ArgName& name) {
    const char* f = b.format ? b.format : "B";
    if (*f == '@' || *f == '=' || *f == '<') ++f;
    if (std::strcmp(f, "f") == 0) return DType::f32;
    if (std::strcmp(f, "d") == 0) return DType::f64;
    if (std::strcmp(f, "e") == 0) return DType::f16;
    wrong_dtype(name, "with buffer format '" + std::string(b.format ? b.format : "B") + "'");
}

}  // namespace

Array from_buffer(py::handle object, const ArgName& name, Place& place) {
    place.accept(kHost, object, name);
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
    a.shape.extent.assign(buffer->shape, buffer->shape + buffer->ndim);
    a.shape.stride = c_order(a.shape.extent);
    // ctypes leaves the strides out, which stands for C order.
    for (int d = 0; buffer->strides && d < buffer->ndim; ++d) {
        if (buffer->strides[d] % buffer->itemsize && buffer->shape[d] > 1) odd_strides(name);
        a.shape.stride[static_cast<size_t>(d)] = buffer->strides[d] / buffer->itemsize;
    }
    if (buffer->readonly) a.refusal = "read-only";
    return a;
}

}  // namespace steepest::bindings
