// An estimate of the spectral norm of a large matrix by Lanczos' method on the matrix itself: a few
// dozen reads of it, where the Gram matrix of its n rows costs as many operations as n / 4 of them.
//
// The lower end is the root of a Ritz value of X^T X, which in exact arithmetic is never above the
// largest eigenvalue. The upper end adds what the residual r leaves open: r, or r^2 over the gap to
// the next Ritz value (Parlett, The Symmetric Eigenvalue Problem, section 11.7). Neither is proved:
// the sums are in float, and a start that is almost orthogonal to the largest singular vector would
// let a smaller one pass for it. That is why bounds go another way.
#pragma once

#include "norms/direct_table.h"
#include "norms/interval.h"

namespace steepest::norms {

// Whether the estimate is worth it: for a matrix that is large, and a tolerance that sums in float
// do not reach into.
bool suits_direct(const polar::View& view, const Request& request);

// False where the steps did not suffice. `norm` is the matrix's and positive. The iterations that
// are told are minus the reads of the matrix.
bool estimate_directly(const polar::View& view, const polar::Norm& norm, const Request& request,
                       const Buffers& buffers, const DirectKernels& kernels, Interval& found);

}  // namespace steepest::norms
