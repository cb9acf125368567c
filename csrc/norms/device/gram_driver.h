// Bounds of spectral norms of matrices on a device, and gradients, or on its emulation: Gram
// iteration, as norms/levels.h has it. Matrices of one shape are worked on together, each product
// of all of them by one launch, as many at a time as kMostGramBytes hold.
//
// Iterates stay on the device. What the host gets of each matrix is its Frobenius norm, once, and
// at every level two by-products and two lengths, from which it makes the bounds and decides who
// goes on: so a call waits for the device once before and once after every level.
//
// Products are sums of k terms in float64, each rounded once by a fused multiply-add, one after the
// other: off by at most gamma_k of the sum of magnitudes, which is what norms/levels.h asks for.
// Its other sums may be in any order.
#pragma once

#include "steepest/steepest.h"
#include "steps/device/backend.h"

namespace steepest::device {

// The arguments have been checked.
steepest_status spectral_size(const steepest_spectral_norm_args& args, size_t* size);
// Bounds and vectors go to host memory.
steepest_status spectral(const steepest_spectral_norm_args& args, Backend& backend);
// The methods that have no lower bound.
steepest_status spectral_above(const steepest_spectral_norm_args& args, Backend& backend);

inline bool is_one_sided(const steepest_spectral_norm_args& args) {
    return args.method >= STEEPEST_SPECTRAL_SCHATTEN;
}

steepest_status spectral_size(const steepest_spectral_gradient_args& args, size_t* size);
// Gradients stay on the device; the Schatten norms go to host memory.
steepest_status spectral(const steepest_spectral_gradient_args& args, Backend& backend);

}  // namespace steepest::device
