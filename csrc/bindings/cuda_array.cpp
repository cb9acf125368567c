// Arrays through __cuda_array_interface__, versions 2 and 3.
// https://numba.readthedocs.io/en/stable/cuda/cuda_array_interface.html
#include <dlfcn.h>

#include "bindings/sources.h"

namespace steepest::bindings {
namespace {

[[noreturn]] void bad_field(const ArgName& name, const char* field, py::handle given,
                            const char* expected) {
    value_error(name.text() + ": __cuda_array_interface__ with " + field + " " + repr_text(given) +
                " given, expected " + expected);
}

class Interface {
  public:
    Interface(py::handle object, const ArgName& name) : name_(name) {
        const py::object given = object.attr("__cuda_array_interface__");
        if (!PyDict_Check(given.ptr()))
            type_error(name.text() + ": __cuda_array_interface__ gave " + type_name(given) +
                       ", expected a dict");
        fields_ = given;
    }

    // None where it is missing.
    py::object get(const char* field) const {
        return fields_.contains(field) ? py::object(fields_[field]) : py::none();
    }
    [[noreturn]] void bad(const char* field, const char* expected) const {
        bad_field(name_, field, get(field), expected);
    }
    int64_t integer(py::handle value, const char* field, const char* expected) const {
        const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
        const int64_t x = index ? PyLong_AsLongLong(index.ptr()) : -1;
        if (!PyErr_Occurred()) return x;
        PyErr_Clear();
        bad(field, expected);
    }
    std::vector<int64_t> integers(const char* field) const {
        constexpr const char* expected = "a tuple of ints";
        const py::object given = get(field);
        if (!PyTuple_Check(given.ptr())) bad(field, expected);
        std::vector<int64_t> numbers;
        for (py::handle item : py::reinterpret_borrow<py::tuple>(given))
            numbers.push_back(integer(item, field, expected));
        return numbers;
    }

  private:
    const ArgName& name_;
    py::dict fields_;
};

void check_version(const Interface& from) {
    constexpr const char* expected = "2 or 3";
    const int64_t version = from.integer(from.get("version"), "version", expected);
    if (version < 2) from.bad("version", expected);  // 1 said nothing about strides
    if (!from.get("mask").is_none()) from.bad("mask", "no mask");
}

DType dtype_of(const Interface& from, const ArgName& name, Holds holds) {
    const py::object given = from.get("typestr");
    if (!PyUnicode_Check(given.ptr())) from.bad("typestr", "a str");
    const std::string text = py::cast<std::string>(given);
    if (holds == Holds::int64) {
        if (text == "<i8") return DType::f64;
    } else {
        if (text == "<f4") return DType::f32;
        if (text == "<f8") return DType::f64;
        if (text == "<f2") return DType::f16;
    }
    wrong_dtype(name, "with typestr " + repr_text(given), holds);
}

Shape shape_of(const Interface& from, const ArgName& name, int64_t item_size) {
    Shape shape;
    shape.extent = from.integers("shape");
    int64_t bytes = item_size;
    for (int64_t e : shape.extent)
        if (e < 0 || __builtin_mul_overflow(bytes, e, &bytes))
            from.bad("shape", "extents of memory that can exist");
    shape.stride = c_order(shape.extent);
    if (from.get("strides").is_none()) return shape;
    const auto strides = from.integers("strides");
    if (strides.size() != shape.extent.size()) from.bad("strides", "as many as extents");
    for (size_t d = 0; d < strides.size(); ++d) {
        if (strides[d] % item_size && shape.extent[d] > 1) odd_strides(name);
        shape.stride[d] = strides[d] / item_size;
    }
    return shape;
}

// The interface does not name the device, the driver does: it is loaded where such memory exists.
int32_t device_of(const void* data, const Interface& from) {
    using GetAttribute = int (*)(void*, int, unsigned long long);
    constexpr int kDeviceOrdinal = 9;  // CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    constexpr int kInvalidValue = 1;   // CUDA_ERROR_INVALID_VALUE: no memory of CUDA's
    if (emulates_device()) return 0;
    const auto find = [] {
        void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
        return driver ? reinterpret_cast<GetAttribute>(dlsym(driver, "cuPointerGetAttribute"))
                      : nullptr;
    };
    int32_t device = 0;
    static const GetAttribute ask = find();
    if (ask && ask(&device, kDeviceOrdinal, reinterpret_cast<uintptr_t>(data)) == kInvalidValue)
        from.bad("data", "the address of memory that a CUDA device can reach");
    return device;
}

struct Memory {
    void* data;
    bool read_only;
};

Memory memory_of(const Interface& from) {
    constexpr const char* expected = "a tuple of address and read-only flag";
    const py::object given = from.get("data");
    if (!PyTuple_Check(given.ptr()) || PyTuple_GET_SIZE(given.ptr()) != 2)
        from.bad("data", expected);
    PyObject* address = PyTuple_GET_ITEM(given.ptr(), 0);
    const int read_only = PyObject_IsTrue(PyTuple_GET_ITEM(given.ptr(), 1));
    if (read_only < 0) throw py::error_already_set();
    unsigned long long at = 0;
    if (address != Py_None) {
        if (!PyLong_Check(address)) from.bad("data", expected);
        at = PyLong_AsUnsignedLongLong(address);
        if (PyErr_Occurred()) {
            PyErr_Clear();
            from.bad("data", expected);
        }
    }
    return {reinterpret_cast<void*>(static_cast<uintptr_t>(at)), read_only != 0};
}

// The exporter's work is on the stream it names; without one there is nothing to wait for.
void order(const Interface& from, const Place& place) {
    constexpr const char* expected = "None or the address of a stream, which 0 is not";
    const py::object given = from.get("stream");
    if (given.is_none()) return;
    if (!PyLong_Check(given.ptr()) || from.integer(given, "stream", expected) < 1)
        from.bad("stream", expected);
    place.wait_for(to_stream(given).handle);
}

}  // namespace

Array from_cuda_array(py::handle object, const ArgName& name, Place& place, Holds holds) {
    const Interface from(object, name);
    check_version(from);
    Array a;
    a.dtype = dtype_of(from, name, holds);
    a.shape = shape_of(from, name, size_of(a.dtype));
    const Memory memory = memory_of(from);
    const bool empty = a.shape.count() == 0;
    if (!memory.data && !empty) from.bad("data", "memory for the elements");
    if (memory.data && !empty)
        a.device = device_of(memory.data, from);
    else
        a.device = place.on_device() ? place.device() : 0;  // no memory, hence of any device
    place.accept(a.device, object, name);
    order(from, place);
    a.data = memory.data;
    if (memory.read_only) a.refusal = "read-only";
    a.keep = std::make_shared<py::object>(py::reinterpret_borrow<py::object>(object));
    return a;
}

}  // namespace steepest::bindings
