#include "bindings/clip.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bindings/gradients.h"
#include "bindings/norm_results.h"
#include "bindings/options.h"

namespace steepest::bindings {
namespace {

std::vector<steepest_tensor> in_place(const Gradients& grads) {
    std::vector<steepest_tensor> tensors;
    for (const Array& a : grads.arrays) {
        steepest_tensor t{};
        t.count = a.data ? a.shape.count() : 0;
        t.param = t.grad = {a.data, static_cast<int32_t>(a.dtype), STEEPEST_NEAREST};
        tensors.push_back(t);
    }
    return tensors;
}

void run(steepest_step_args& args, const Place& place) {
    throw_status(steepest_step_workspace(&args, &args.workspace_size));
    const Scratch workspace(args.workspace_size, place);
    args.workspace = workspace.data();
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = steepest_step(&args);
    }
    throw_status(status);
}

// The step without bounds; the group is to get its tensors.
steepest_step_args clip_args(steepest_group& group, const Place& place) {
    group.rule = steepest_rule_find("clip");
    group.decay = STEEPEST_DECAY_OWN;
    steepest_step_args args{};
    args.struct_size = sizeof args;
    args.group_size = sizeof group;
    args.tensor_size = sizeof(steepest_tensor);
    args.group_count = 1;
    args.groups = &group;
    args.grad_scale = 1;
    args.max_grad_norm = -1;
    args.stream = place.stream();
    args.device = place.device_argument();
    return args;
}

double bound_of(py::handle given, const char* name) {
    return given.is_none() ? 0 : to_bound(given, name);
}

py::object clip(py::handle grads, const py::object& max_value, const py::object& max_norm,
                bool per_tensor, bool skip_nonfinite, const py::object& stream) {
    const double value = bound_of(max_value, "max_value");
    const double norm = bound_of(max_norm, "max_norm");
    const py::dict options(py::arg("stream") = stream);
    Place place("grads", &options);
    const Gradients given(grads, "grads", place);
    check_stream_given(stream, "grads", place);
    given.check_written("grads");
    const std::vector<steepest_tensor> tensors = in_place(given);
    steepest_group group{};
    group.tensor_count = given.count();
    group.tensors = tensors.data();
    steepest_step_args args = clip_args(group, place);
    args.max_grad_norm = norm > 0 && !per_tensor ? norm : -1;
    args.max_tensor_norm = per_tensor ? norm : 0;
    args.max_grad_value = value;
    args.skip_nonfinite = skip_nonfinite;
    if (max_norm.is_none()) {
        run(args, place);
        return py::none();
    }
    const NormResults results(given.count(), place);
    args.tensor_norms = results.norms();
    args.total_norm = results.total();
    args.finite = results.finite();
    run(args, place);
    return results.get();
}

// Positions of the tensors by scale: each scale in one run.
std::vector<size_t> by_scale(const std::vector<double>& scales) {
    std::vector<size_t> order(scales.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return scales[a] < scales[b]; });
    return order;
}

std::vector<steepest_tensor> copied(const Gradients& grads, const Gradients& out,
                                    const std::vector<size_t>& order) {
    std::vector<steepest_tensor> tensors(order.size());
    for (size_t k = 0; k < order.size(); ++k) {
        const size_t i = order[k];
        if (!grads.given(i)) continue;
        const Array &g = grads.arrays[i], &to = out.arrays[i];
        if (g.shape.extent != to.shape.extent || !same_layout(g.shape, to.shape))
            value_error("grads[" + std::to_string(i) + "]: shape " + g.shape.text() +
                        " given, expected that of its copy, " + to.shape.text());
        steepest_tensor& t = tensors[k];
        t.count = g.shape.count();
        t.param = {to.data, static_cast<int32_t>(to.dtype), STEEPEST_NEAREST};
        t.grad = {g.data, static_cast<int32_t>(g.dtype), STEEPEST_NEAREST};
    }
    return tensors;
}

// Copies of gradients, each over a scale of its own, and then bounded element by element. `out` has
// an array where `grads` has one.
void clip_copies(py::handle out, py::handle grads, const std::vector<double>& scales,
                 const py::object& max_value, const py::object& stream) {
    const py::dict options(py::arg("stream") = stream);
    Place place("grads", &options);
    const Gradients from(grads, "grads", place), to(out, "out", place);
    check_stream_given(stream, "grads", place);
    to.check_written("out");
    to.check_apart_from(from, "out", "grads");
    if (from.arrays.size() != scales.size() || to.arrays.size() != scales.size())
        value_error("scales: " + std::to_string(scales.size()) + " given, expected " +
                    std::to_string(from.count()));
    const std::vector<size_t> order = by_scale(scales);
    const std::vector<steepest_tensor> tensors = copied(from, to, order);
    steepest_group group{};
    steepest_step_args args = clip_args(group, place);
    args.max_grad_value = bound_of(max_value, "max_value");
    for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
        args.grad_scale = scales[order[begin]];
        do ++end;
        while (end < order.size() && scales[order[end]] == args.grad_scale);
        group.tensors = tensors.data() + begin;
        group.tensor_count = static_cast<int64_t>(end - begin);
        run(args, place);
    }
}

// How many runs a unit of `axis` is one of; 1 where at most one dimension is longer than 1.
int64_t units_of(const Shape& shape, int64_t axis, const ArgName& name) {
    const auto long_ones =
        std::count_if(shape.extent.begin(), shape.extent.end(), [](int64_t n) { return n > 1; });
    if (long_ones <= 1 || shape.count() == 0) return 1;
    const auto dimensions = static_cast<int64_t>(shape.extent.size());
    const auto at = static_cast<size_t>(axis < 0 ? axis + dimensions : axis);
    if (at >= shape.extent.size())
        value_error("axis: " + std::to_string(axis) + " given, expected one of the " +
                    std::to_string(dimensions) + " dimensions of " + name.text());
    const int64_t units = shape.extent[at];
    if (units > 1 && shape.stride[at] != shape.count() / units)
        value_error(name.text() + ": strides " + Shape{shape.stride, {}}.text() +
                    " given (in elements), expected units along axis " + std::to_string(axis) +
                    " that lie one behind the other");
    return units;
}

std::vector<steepest_unit_tensor> in_units(const Gradients& grads, const Gradients& params,
                                           int64_t axis, bool list) {
    if (grads.count() != params.count())
        value_error("params: " + std::to_string(params.count()) + " arrays given, expected " +
                    std::to_string(grads.count()) + " as in grads");
    std::vector<steepest_unit_tensor> tensors;
    for (size_t i = 0; i < grads.arrays.size(); ++i) {
        const Array &g = grads.arrays[i], &p = params.arrays[i];
        const int64_t index = list ? static_cast<int64_t>(i) : -1;
        steepest_unit_tensor t{};
        tensors.push_back(t);
        if (!grads.given(i)) continue;
        if (!params.given(i))
            value_error(ArgName{"params", index}.text() +
                        ": None given, expected an array as in grads");
        if (p.shape.extent != g.shape.extent || !same_layout(p.shape, g.shape))
            value_error(ArgName{"params", index}.text() + ": shape " + p.shape.text() +
                        " with strides " + Shape{p.shape.stride, {}}.text() +
                        " given, expected those of grads, " + g.shape.text() + " with " +
                        Shape{g.shape.stride, {}}.text());
        const int64_t units = units_of(g.shape, axis, {"grads", index});
        tensors.back() = {.units = units,
                          .length = g.shape.count() / units,
                          .grad = {g.data, static_cast<int32_t>(g.dtype), STEEPEST_NEAREST},
                          .param = {p.data, static_cast<int32_t>(p.dtype), STEEPEST_NEAREST}};
    }
    return tensors;
}

double finite_number(py::handle given, const char* name, bool zero) {
    const double x = to_number(given, {name});
    if (!(zero ? x >= 0 : x > 0) || std::isinf(x))
        value_error(std::string(name) + ": " + repr_text(given) +
                    " given, expected a finite number " + (zero ? ">= 0" : "> 0"));
    return x;
}

void clip_units(py::handle grads, py::handle params, const py::object& factor,
                const py::object& eps, int64_t axis, const py::object& stream) {
    steepest_clip_units_args args{};
    args.struct_size = sizeof args;
    args.tensor_size = sizeof(steepest_unit_tensor);
    args.factor = finite_number(factor, "factor", false);
    args.eps = finite_number(eps, "eps", true);
    const py::dict options(py::arg("stream") = stream);
    Place place("grads", &options);
    if (is_list(grads) != is_list(params))
        type_error("params: " + type_name(params) + " given, expected " +
                   (is_list(grads) ? "a list because grads is a list"
                                   : "one array because grads is one array"));
    const Gradients of_grads(grads, "grads", place);
    const Gradients of_params(params, "params", place);
    check_stream_given(stream, "grads", place);
    of_grads.check_written("grads");
    of_grads.check_apart_from(of_params, "grads", "params");
    const auto tensors = in_units(of_grads, of_params, axis, is_list(grads));
    args.count = of_grads.count();
    args.tensors = tensors.data();
    args.stream = place.stream();
    args.device = place.device_argument();
    throw_status(steepest_clip_units_workspace(&args, &args.workspace_size));
    const Scratch workspace(args.workspace_size, place);
    args.workspace = workspace.data();
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = steepest_clip_units(&args);
    }
    throw_status(status);
}

}  // namespace

void bind_clip(py::module_& m) {
    m.def("clip_units", &clip_units, py::arg("grads"), py::arg("params"), py::kw_only(),
          py::arg("factor"), py::arg("eps"), py::arg("axis"), py::arg("stream") = py::none());
    m.def("clip_copies", &clip_copies, py::arg("out"), py::arg("grads"), py::arg("scales"),
          py::kw_only(), py::arg("max_value") = py::none(), py::arg("stream") = py::none());
    m.def("clip", &clip, py::arg("grads"), py::kw_only(), py::arg("max_value") = py::none(),
          py::arg("max_norm") = py::none(), py::arg("per_tensor") = false,
          py::arg("skip_nonfinite") = false, py::arg("stream") = py::none());
}

}  // namespace steepest::bindings
