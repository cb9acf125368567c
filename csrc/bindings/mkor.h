// MKOR's update of an inverse factor over the C ABI.
#pragma once

#include <pybind11/pybind11.h>

namespace steepest::bindings {

void bind_mkor(pybind11::module_& m);

}  // namespace steepest::bindings
