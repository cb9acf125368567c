// Sums along rows or columns, for optimizers that scale lines of a gradient.
#include "bindings/line_sums.h"

#include <pybind11/numpy.h>

#include "bindings/matrices.h"

namespace steepest::bindings {
namespace {

Array read_matrix(py::handle object, const char* name) {
    Array a = read_matrices(object, {name});
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

steepest_status run(steepest_line_sums_args& args) {
    if (const auto s = steepest_line_sums_workspace(&args, &args.workspace_size)) return s;
    const HostWorkspace workspace(args.workspace_size);
    if (!workspace.data()) return STEEPEST_OUT_OF_MEMORY;
    args.workspace = workspace.data();
    return steepest_line_sums(&args);
}

py::array_t<double> line_sums(const py::object& first, const py::object& second, int axis) {
    const Array x = read_matrix(first, "x");
    steepest_line_sums_args args = arguments(x, axis);
    const Array y = second.is_none() ? x : read_matrix(second, "y");
    if (!second.is_none()) add_second(args, x, y);
    py::array_t<double> sums(axis ? args.rows : args.cols);
    args.sums = sums.mutable_data();
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = run(args);
    }
    throw_status(status);
    return sums;
}

}  // namespace

void bind_line_sums(py::module_& m) {
    m.def("line_sums", &line_sums, py::arg("x"), py::arg("y"), py::arg("axis"));
}

}  // namespace steepest::bindings
