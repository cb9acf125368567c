// orthogonalize(...) over the C ABI, and what Python asks about arrays before it.
#pragma once

#include <pybind11/pybind11.h>

namespace steepest::bindings {

void bind_polar(pybind11::module_& m);

}  // namespace steepest::bindings
