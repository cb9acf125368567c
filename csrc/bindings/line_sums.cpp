// Sums along rows or columns, for optimizers that scale lines of a gradient.
#include "bindings/line_sums.h"

#include <pybind11/numpy.h>

#include "bindings/norm_results.h"

namespace steepest::bindings {
namespace {

Array read_matrix(py::handle object, const char* name, Place& place) {
    Array a = read_matrices(object, {name}, place);
    if (a.shape.extent.size() != 2)
        value_error(std::string(name) + ": shape " + a.shape.text() + " given, expected a matrix");
    return a;
}

steepest_line_sums_args arguments(const Array& x, int axis) {
    if (axis != 0 && axis != 1)
        value_error("axis: " + std::to_string(axis) + " given, expected 0 or 1");
    steepest_line_sums_args args{};
    args.struct_size = sizeof args;
    args.rows = x.shape.extent[0];
    args.cols = x.shape.extent[1];
    args.axis = axis;
    args.x = x.data;
    args.x_dtype = static_cast<int32_t>(x.dtype);
    args.x_row_stride = x.shape.stride[0];
    args.x_col_stride = x.shape.stride[1];
    return args;
}

void add_second(steepest_line_sums_args& args, const Array& x, const Array& y) {
    if (y.shape.extent != x.shape.extent)
        value_error("y: shape " + y.shape.text() + " given, expected " + x.shape.text());
    args.y = y.data;
    args.y_dtype = static_cast<int32_t>(y.dtype);
    args.y_row_stride = y.shape.stride[0];
    args.y_col_stride = y.shape.stride[1];
}

void run(steepest_line_sums_args& args, const Place& place) {
    throw_status(steepest_line_sums_workspace(&args, &args.workspace_size));
    const Scratch workspace(args.workspace_size, place);
    args.workspace = workspace.data();
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = steepest_line_sums(&args);
    }
    throw_status(status);
}

// Into an array of the framework on its device, without waiting; else into a NumPy array.
py::object sums_of(steepest_line_sums_args& args, const Place& place) {
    const int64_t count = args.axis ? args.rows : args.cols;
    args.stream = place.stream();
    args.device = place.device_argument();
    if (py::object there = new_array(py::make_tuple(count), "float64", place)) {
        args.sums = static_cast<double*>(address_of(there, place));
        run(args, place);
        return there;
    }
    py::array_t<double> here(count);
    if (!place.on_device() || place.emulated()) {
        args.sums = here.mutable_data();
        run(args, place);
        return here;
    }
    const DeviceMemory sums(static_cast<size_t>(count) * sizeof(double), place);
    args.sums = reinterpret_cast<double*>(sums.data());
    run(args, place);
    sums.read(here.mutable_data(), args.sums, static_cast<size_t>(count) * sizeof(double));
    return here;
}

py::object line_sums(const py::object& first, const py::object& second, int axis) {
    Place place("x");
    const Array x = read_matrix(first, "x", place);
    steepest_line_sums_args args = arguments(x, axis);
    const Array y = second.is_none() ? x : read_matrix(second, "y", place);
    if (!second.is_none()) add_second(args, x, y);
    return sums_of(args, place);
}

}  // namespace

void bind_line_sums(py::module_& m) {
    m.def("line_sums", &line_sums, py::arg("x"), py::arg("y"), py::arg("axis"));
}

}  // namespace steepest::bindings
