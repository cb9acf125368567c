#include "bindings/grad_norm.h"

#include "bindings/gradients.h"
#include "bindings/norm_results.h"

namespace steepest::bindings {
namespace {

py::tuple grad_norm(py::handle grads, const py::object& stream) {
    const py::dict options(py::arg("stream") = stream);
    Place place("grads", &options);
    const Gradients given(grads, "grads", place);
    check_stream_given(stream, "grads", place);
    std::vector<steepest_array> arrays;
    std::vector<int64_t> sizes;
    for (const Array& a : given.arrays) {
        arrays.push_back({a.data, static_cast<int32_t>(a.dtype), STEEPEST_NEAREST});
        sizes.push_back(a.data ? a.shape.count() : 0);
    }
    steepest_norm_args args{};
    args.struct_size = sizeof args;
    args.count = given.count();
    args.arrays = arrays.data();
    args.sizes = sizes.data();
    args.stream = place.stream();
    args.device = place.device_argument();
    throw_status(steepest_grad_norm_workspace(&args, &args.workspace_size));
    const Scratch workspace(args.workspace_size, place);
    const NormResults results(args.count, place);
    args.workspace = workspace.data();
    args.norms = results.norms();
    args.total = results.total();
    args.finite = results.finite();
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = steepest_grad_norm(&args);
    }
    throw_status(status);
    return results.get();
}

}  // namespace

void bind_grad_norm(py::module_& m) {
    m.def("grad_norm", &grad_norm, py::arg("grads"), py::arg("stream") = py::none());
}

}  // namespace steepest::bindings
