// The memory ceiling of the benchmark: streaming loops that read and write like a kernel but do
// next to nothing with the values. They share no code with the kernels they are compared with.
#pragma once

#include <pybind11/pybind11.h>

namespace steepest {

void bind_ceiling(pybind11::module_& m);

}  // namespace steepest
