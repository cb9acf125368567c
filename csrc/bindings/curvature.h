// Probes and their accumulation over the C ABI.
#pragma once

#include <pybind11/pybind11.h>

namespace steepest::bindings {

void bind_curvature(pybind11::module_& m);

}  // namespace steepest::bindings
