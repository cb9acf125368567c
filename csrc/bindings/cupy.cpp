// CuPy arrays by their attributes, which is quicker than DLPack's Python protocol.
#include "bindings/sources.h"

namespace steepest::bindings {
namespace {

struct Names {
    PyObject* data = PyUnicode_InternFromString("data");
    PyObject* ptr = PyUnicode_InternFromString("ptr");
    PyObject* device = PyUnicode_InternFromString("device_id");
    PyObject* shape = PyUnicode_InternFromString("shape");
    PyObject* strides = PyUnicode_InternFromString("strides");
    PyObject* dtype = PyUnicode_InternFromString("dtype");
};

py::object get(py::handle object, PyObject* name) {
    auto value = py::reinterpret_steal<py::object>(PyObject_GetAttr(object.ptr(), name));
    if (!value) throw py::error_already_set();
    return value;
}

int64_t to_int(PyObject* number) {
    const int64_t x = PyLong_AsLongLong(number);
    if (x == -1 && PyErr_Occurred()) throw py::error_already_set();
    return x;
}

struct Fields {
    void* data;
    int32_t device;
    py::object shape, strides;  // tuples of ints, the strides in bytes
    py::object dtype;

    explicit Fields(py::handle array) {
        static const Names* names = new Names;
        const py::object memory = get(array, names->data);
        data = reinterpret_cast<void*>(to_int(get(memory, names->ptr).ptr()));
        device = static_cast<int32_t>(to_int(get(memory, names->device).ptr()));
        shape = get(array, names->shape);
        strides = get(array, names->strides);
        dtype = get(array, names->dtype);
    }
    int64_t ndim() const { return static_cast<int64_t>(PyTuple_GET_SIZE(shape.ptr())); }
    int64_t extent(int64_t d) const { return to_int(PyTuple_GET_ITEM(shape.ptr(), d)); }
    int64_t stride(int64_t d) const { return to_int(PyTuple_GET_ITEM(strides.ptr(), d)); }
};

bool holds_int64(const py::object& descriptor) {
    static PyObject* const int64 = py::dtype::of<int64_t>().release().ptr();
    return descriptor.ptr() == int64 || py::dtype::of<int64_t>().equal(descriptor);
}

DType dtype_of(const Fields& f, const ArgName& name, Holds holds) {
    if (holds == Holds::floats) return dtype_of_descriptor(f.dtype, name);
    if (holds_int64(f.dtype)) return DType::f64;
    wrong_dtype(name, py::cast<std::string>(py::str(f.dtype)), holds);
}

// Streams are put in order here because attributes, unlike an export, make nobody wait.
void order(const Kind& kind, const Place& place) {
    if (place.follows(Framework::cupy)) return;
    place.wait_for(current_stream(kind, place.device()).handle);
}

}  // namespace

Array from_cupy(py::handle object, const ArgName& name, Place& place, Holds holds) {
    const Fields f(object);
    place.accept(f.device, object, name);
    order(kind_of(Py_TYPE(object.ptr())), place);
    Array a;
    a.device = f.device;
    a.dtype = dtype_of(f, name, holds);
    a.data = f.data;
    const int64_t size = size_of(a.dtype);
    for (int64_t d = 0; d < f.ndim(); ++d) {
        if (f.stride(d) % size && f.extent(d) > 1) odd_strides(name);
        a.shape.extent.push_back(f.extent(d));
        a.shape.stride.push_back(f.stride(d) / size);
    }
    a.keep = std::make_shared<py::object>(py::reinterpret_borrow<py::object>(object));
    return a;
}

bool cupy_matches(py::handle object, const Shape& shape, const Place& place, void*& data,
                  DType& dtype) {
    if (!place.follows(Framework::cupy)) return false;
    if (kind_of(Py_TYPE(object.ptr())).framework != Framework::cupy) return false;
    const Fields f(object);
    if (f.device != place.device() || !known_descriptor(f.dtype.ptr(), dtype)) return false;
    if (f.ndim() != static_cast<int64_t>(shape.extent.size())) return false;
    const int64_t size = size_of(dtype);
    for (int64_t d = 0; d < f.ndim(); ++d)
        if (f.extent(d) != shape.extent[static_cast<size_t>(d)] ||
            f.stride(d) != shape.stride[static_cast<size_t>(d)] * size)
            return false;
    data = f.data;
    return true;
}

}  // namespace steepest::bindings
