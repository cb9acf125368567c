// The arithmetic ceiling of the benchmark: loops of the multiply-add of each type alone, on
// registers. They share no code with the kernels they are compared with.
#pragma once

#include <pybind11/pybind11.h>

namespace steepest {

void bind_peak(pybind11::module_& m);

}  // namespace steepest
