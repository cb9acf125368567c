// Passes over matrices for programs on a device: sums of pairs, comparisons, and copies.
#pragma once

#include "bindings/matrices.h"

namespace steepest::bindings {

// Copies the elements of one array to another of the same shape, both in the place, on its stream.
void copy_there(const Array& from, const Array& to, const Place& place);

void bind_pairs(py::module_& m);

}  // namespace steepest::bindings
