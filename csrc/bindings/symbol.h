// The symbols of convolutions for Python.
#pragma once

#include <pybind11/pybind11.h>

namespace steepest::bindings {

void bind_symbol(pybind11::module_& m);

}  // namespace steepest::bindings
