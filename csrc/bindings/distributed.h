#pragma once

#include <pybind11/pybind11.h>

namespace steepest::bindings {

void bind_distributed(pybind11::module_& m);

}  // namespace steepest::bindings
