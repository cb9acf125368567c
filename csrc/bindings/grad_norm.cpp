#include "bindings/grad_norm.h"

#include <pybind11/numpy.h>

#include "bindings/arrays.h"
#include "bindings/workspace.h"

namespace steepest::bindings {
namespace {

Array readable(py::handle object, const ArgName& name, Place& place) {
    Array a = to_array(object, name, place);
    if (!is_dense(a.shape))
        value_error(name.text() + ": array with gaps or overlaps given, expected a dense one");
    if (reinterpret_cast<uintptr_t>(a.data) % static_cast<uintptr_t>(size_of(a.dtype)))
        value_error(name.text() + ": memory given that is not aligned to its item size");
    return a;
}

struct Gradients {
    std::vector<Array> keep;
    std::vector<steepest_array> arrays;
    std::vector<int64_t> sizes;

    void add(py::handle grad, const ArgName& name, Place& place) {
        if (grad.is_none()) {
            arrays.push_back({});
            sizes.push_back(0);
            return;
        }
        keep.push_back(readable(grad, name, place));
        const Array& a = keep.back();
        arrays.push_back({a.data, static_cast<int32_t>(a.dtype), STEEPEST_NEAREST});
        sizes.push_back(a.shape.count());
    }
    void add_all(py::handle grads, Place& place) {
        if (!is_list(grads)) return add(grads, {"grads"}, place);
        int64_t i = 0;
        for (py::handle grad : grads) add(grad, {"grads", i++}, place);
    }
};

steepest_status call(const steepest_norm_args& args) {
    py::gil_scoped_release release;
    return steepest_grad_norm(&args);
}

py::tuple on_host(steepest_norm_args& args) {
    constexpr size_t alignment = 64;
    const auto memory = std::make_unique_for_overwrite<char[]>(args.workspace_size + alignment);
    const auto at =
        (reinterpret_cast<uintptr_t>(memory.get()) + alignment - 1) / alignment * alignment;
    args.workspace = reinterpret_cast<void*>(at);
    py::array_t<double> norms(args.count);
    double total = 0;
    int32_t finite = 0;
    args.norms = norms.mutable_data();
    args.total = &total;
    args.finite = &finite;
    throw_status(call(args));
    return py::make_tuple(total, norms, finite != 0);
}

// Into arrays of the framework, without waiting.
py::tuple into_arrays(steepest_norm_args& args, const Place& place) {
    const py::object total = new_array(py::tuple(), "float64", place);
    const py::object norms = new_array(py::make_tuple(args.count), "float64", place);
    const py::object finite = new_array(py::tuple(), "int32", place);
    const DeviceMemory workspace(args.workspace_size, place);
    args.workspace = workspace.data();
    args.total = static_cast<double*>(address_of(total, place));
    args.norms = static_cast<double*>(address_of(norms, place));
    args.finite = static_cast<int32_t*>(address_of(finite, place));
    throw_status(call(args));
    return py::make_tuple(total, norms, finite);
}

// Into memory of our own, of which the values are read: there is no kind of array to return.
py::tuple into_host(steepest_norm_args& args, const Place& place) {
    const DeviceMemory workspace(args.workspace_size, place);
    const auto numbers = static_cast<size_t>(args.count) + 2;  // total, norms, finite
    const DeviceMemory results(numbers * sizeof(double), place);
    auto* at = reinterpret_cast<double*>(results.data());
    args.workspace = workspace.data();
    args.total = at;
    args.norms = at + 1;
    args.finite = reinterpret_cast<int32_t*>(at + numbers - 1);
    throw_status(call(args));
    double total = 0;
    int32_t finite = 0;
    py::array_t<double> norms(args.count);
    results.read(&total, args.total, sizeof total);
    results.read(norms.mutable_data(), args.norms, (numbers - 2) * sizeof(double));
    results.read(&finite, args.finite, sizeof finite);
    return py::make_tuple(total, norms, finite != 0);
}

py::tuple grad_norm(py::handle grads, const py::object& stream) {
    const py::dict options(py::arg("stream") = stream);
    Place place("grads", &options);
    Gradients g;
    g.add_all(grads, place);
    place.settle_on_host();
    if (to_stream(stream).handle && !place.stream())
        value_error("stream: given, expected None because grads are in host memory");
    steepest_norm_args args{};
    args.struct_size = sizeof args;
    args.count = static_cast<int64_t>(g.arrays.size());
    args.arrays = g.arrays.data();
    args.sizes = g.sizes.data();
    args.stream = place.stream();
    args.device = place.device_argument();
    throw_status(steepest_grad_norm_workspace(&args, &args.workspace_size));
    if (!args.stream) return on_host(args);
    const bool known = place.kind().framework != Framework::other && !place.emulated();
    return known ? into_arrays(args, place) : into_host(args, place);
}

}  // namespace

void bind_grad_norm(py::module_& m) {
    m.def("grad_norm", &grad_norm, py::arg("grads"), py::arg("stream") = py::none());
}

}  // namespace steepest::bindings
