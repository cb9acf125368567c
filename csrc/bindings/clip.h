// Clipping of gradients in place, over the C ABI.
#pragma once

#include <pybind11/pybind11.h>

namespace steepest::bindings {

void bind_clip(pybind11::module_& m);

}  // namespace steepest::bindings
