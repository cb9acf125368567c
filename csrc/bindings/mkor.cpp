#include "bindings/mkor.h"

#include <pybind11/stl.h>

#include <optional>

#include "bindings/errors.h"
#include "bindings/norm_results.h"

namespace steepest::bindings {
namespace {

// variant, stabilizer, decay, threshold, zeta
using Manner = std::tuple<int32_t, int32_t, double, double, double>;

Array read_inverse(py::handle object, Place& place) {
    const ArgName name{"inverse", -1};
    const Array found = read_matrices(object, name, place);
    const auto& extent = found.shape.extent;
    if (extent.size() != 2 || extent[0] != extent[1])
        value_error("inverse: shape " + found.shape.text() + " given, expected a square matrix");
    Array a = read_result(object, name, extent, nullptr, place);
    if (a.dtype != DType::f32 && a.dtype != DType::f64)
        type_error(std::string("inverse: dtype ") + dtype_name(a.dtype) +
                   " given, expected float32 or float64");
    if (!is_c_order(a.shape))
        value_error("inverse: array of another layout given, expected one in C order");
    return a;
}

Array read_vector(py::handle object, const Array& inverse, Place& place) {
    Array a = to_array(object, {"v", -1}, place);
    if (a.dtype != inverse.dtype)
        type_error(std::string("v: dtype ") + dtype_name(a.dtype) + " given, expected " +
                   dtype_name(inverse.dtype) + " as inverse");
    const std::vector<int64_t> expected = {inverse.shape.extent[0]};
    if (a.shape.extent != expected)
        value_error("v: shape " + a.shape.text() + " given, expected " + shape_text(expected));
    if (!is_c_order(a.shape) ||
        reinterpret_cast<uintptr_t>(a.data) % static_cast<uintptr_t>(size_of(a.dtype)))
        value_error("v: strided or misaligned array given, expected a contiguous one");
    if (share_memory(a, inverse))
        value_error("v: memory shared with inverse given, expected arrays that do not overlap");
    return a;
}

void run(steepest_mkor_args& args, const Place& place) {
    throw_status(steepest_mkor_workspace(&args, &args.workspace_size));
    const Scratch workspace(args.workspace_size, place);
    args.workspace = workspace.data();
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = steepest_mkor_update(&args);
    }
    throw_status(status);
}

// On a device; waits for the four results.
void run_there(steepest_mkor_args& args, const Place& place) {
    double found[4];
    const DeviceMemory results(sizeof found, place);
    args.stream = place.stream();
    args.device = place.device_argument();
    args.results_at = reinterpret_cast<double*>(results.data());
    run(args, place);
    results.read(found, args.results_at, sizeof found);
    args.largest = found[0];
    args.denominator = found[1];
    args.stabilized = found[2] != 0;
    args.applied = found[3] != 0;
}

// (largest, denominator, stabilized, applied)
py::tuple mkor_update(const py::object& inverse, const py::object& v, const Manner& manner,
                      std::optional<double> largest) {
    Place place("inverse");
    const Array matrix = read_inverse(inverse, place);
    const Array vector = read_vector(v, matrix, place);
    steepest_mkor_args args{};
    args.struct_size = sizeof args;
    args.n = matrix.shape.extent[0];
    args.dtype = static_cast<int32_t>(matrix.dtype);
    std::tie(args.variant, args.stabilizer, args.decay, args.threshold, args.zeta) = manner;
    args.has_largest = largest.has_value();
    args.largest = largest.value_or(0);
    args.inverse = matrix.data;
    args.vector = vector.data;
    place.stream() ? run_there(args, place) : run(args, place);
    return py::make_tuple(args.largest, args.denominator, args.stabilized != 0, args.applied != 0);
}

}  // namespace

void bind_mkor(py::module_& m) {
    m.def("mkor_update", &mkor_update, py::arg("inverse"), py::arg("v"), py::arg("manner"),
          py::arg("largest"));
}

}  // namespace steepest::bindings
