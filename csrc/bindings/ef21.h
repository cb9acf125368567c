#pragma once

#include <pybind11/pybind11.h>

namespace steepest::bindings {

void bind_ef21(pybind11::module_& m);

}  // namespace steepest::bindings
