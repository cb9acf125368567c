#pragma once

#include <pybind11/pybind11.h>

namespace steepest::bindings {

// grad_norm(grads) -> (total, per_tensor, finite)
void bind_grad_norm(pybind11::module_& m);

}  // namespace steepest::bindings
