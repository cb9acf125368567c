#include "bindings/device_values.h"

namespace steepest::bindings {
namespace {

Array one_element(py::handle value, const ArgName& name, Place& place, Holds holds) {
    Array a = to_array(value, name, place, holds);
    if (a.shape.count() != 1)
        value_error(name.text() + ": array of shape " + a.shape.text() +
                    " given, expected one of a single element");
    if (reinterpret_cast<uintptr_t>(a.data) % static_cast<uintptr_t>(size_of(a.dtype)))
        value_error(name.text() + ": memory given that is not aligned to its item size of " +
                    std::to_string(size_of(a.dtype)) + " bytes");
    return a;
}

// Arrays elsewhere are taken for numbers, as torch tensors on the CPU are everywhere.
bool lies_in(py::handle value, const Place& place) {
    const py::object device = value.attr("__dlpack_device__")();
    if (!PyTuple_Check(device.ptr()) || PyTuple_GET_SIZE(device.ptr()) != 2) return false;
    const bool host = py::handle(PyTuple_GET_ITEM(device.ptr(), 0)).equal(py::int_(1));
    return host != place.on_device();
}

}  // namespace

bool is_device_value(py::handle value, const Place& place) {
    if (!place.stream()) return false;
    if (PyFloat_Check(value.ptr()) || PyLong_Check(value.ptr()) || value.is_none()) return false;
    if (py::isinstance<py::array>(value)) return false;
    const Framework framework = kind_of(Py_TYPE(value.ptr())).framework;
    if (framework == Framework::cupy) return place.on_device();
    if (framework == Framework::torch)
        return py::cast<bool>(value.attr("is_cuda")) == place.on_device();
    if (py::hasattr(value, "__dlpack_device__")) return lies_in(value, place);
    return py::hasattr(value, "__cuda_array_interface__");
}

Count device_count(py::handle value, const ArgName& name, Place& place, Kept& kept) {
    Array a = one_element(value, name, place, Holds::int64);
    if (a.refusal)
        buffer_error(name.text() + ": " + a.refusal +
                     " array given, expected a counter that may be written");
    kept.push_back(std::move(a.keep));
    return {1, static_cast<int64_t*>(a.data)};
}

Rate device_rate(py::handle value, const ArgName& name, Place& place, Kept& kept) {
    Array a = one_element(value, name, place, Holds::floats);
    if (a.dtype != DType::f32 && a.dtype != DType::f64)
        type_error(name.text() + ": dtype " + dtype_name(a.dtype) +
                   " given, expected float32 or float64");
    kept.push_back(std::move(a.keep));
    return {1, {a.data, static_cast<int32_t>(a.dtype), STEEPEST_NEAREST}};
}

}  // namespace steepest::bindings
