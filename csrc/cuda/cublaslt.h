// cublasLt for general products: opened at run time where it is installed, never linked.
//
// Of the algorithms that its heuristic has for one matrix of a shape, the first is used, for single
// matrices and batches alike, so that a matrix has the same bits in every call: without a split of
// the inner dimension, whose parts are added in no fixed order, and without workspace. Another
// version of cublasLt, or another device, may give other bits.
#pragma once

#include "polar/device/library.h"

namespace steepest::cuda {

// Of the current device, whose number is given; null where products are our own.
const device::ProductLibrary* cublaslt(int device);

// Keeps the text for steepest_last_device_error.
void remember_library(const char* call, int status);

}  // namespace steepest::cuda
