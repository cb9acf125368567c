// line_sums(...) over the C ABI.
#pragma once

#include <pybind11/pybind11.h>

namespace steepest::bindings {

void bind_line_sums(pybind11::module_& m);

}  // namespace steepest::bindings
