#include "bindings/grad_norm.h"

#include <pybind11/numpy.h>

#include "bindings/arrays.h"

namespace steepest::bindings {
namespace {

Array readable(py::handle object, const ArgName& name) {
    Array a = to_array(object, name);
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

    void add(py::handle grad, const ArgName& name) {
        if (grad.is_none()) {
            arrays.push_back({});
            sizes.push_back(0);
            return;
        }
        keep.push_back(readable(grad, name));
        const Array& a = keep.back();
        arrays.push_back({a.data, static_cast<int32_t>(a.dtype), STEEPEST_NEAREST});
        sizes.push_back(a.shape.count());
    }
};

py::tuple grad_norm(py::handle grads) {
    Gradients g;
    if (is_list(grads)) {
        int64_t i = 0;
        for (py::handle grad : grads) g.add(grad, {"grads", i++});
    } else {
        g.add(grads, {"grads"});
    }
    const auto count = static_cast<int64_t>(g.arrays.size());
    size_t size = 0;
    throw_status(steepest_grad_norm_workspace(count, g.sizes.data(), &size));
    constexpr size_t alignment = 64;
    const auto memory = std::make_unique_for_overwrite<char[]>(size + alignment);
    const auto at =
        (reinterpret_cast<uintptr_t>(memory.get()) + alignment - 1) / alignment * alignment;
    py::array_t<double> norms(count);
    double* to = norms.mutable_data();
    double total = 0;
    int32_t finite = 0;
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = steepest_grad_norm(count, g.arrays.data(), g.sizes.data(), to, &total, &finite,
                                    reinterpret_cast<void*>(at), size);
    }
    throw_status(status);
    return py::make_tuple(total, norms, finite != 0);
}

}  // namespace

void bind_grad_norm(py::module_& m) { m.def("grad_norm", &grad_norm, py::arg("grads")); }

}  // namespace steepest::bindings
