// multiply(...) over the C ABI, for steepest.polar.products.
#pragma once

#include <pybind11/pybind11.h>

namespace steepest::bindings {

void bind_products(pybind11::module_& m);

}  // namespace steepest::bindings
