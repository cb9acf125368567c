// Bounds of the largest eigenvalue of a symmetric matrix from its trace and Frobenius norm.
#pragma once

#include "norms/outward.h"
#include "polar/products.h"

namespace steepest::norms {

// Trace and squared Frobenius norm of a computed n x n iterate, as exact numbers within bounds.
struct Moments {
    SumBounds trace;
    SumBounds squares;

    Moments(const polar::ByProducts& sums, int64_t n)
        : trace(sums.trace, static_cast<double>(n)),
          squares(sums.squares, static_cast<double>(n) * static_cast<double>(n)) {}
};

// trace/n + sqrt((n-1)/n (squares - trace^2/n)) (Wolkowicz and Styan, 1980), the largest that an
// eigenvalue can be. Where the difference cancels, that is for nearly flat spectra, the matrix A
// minus a multiple of the identity is summed anew.
Up two_moment_bound(const polar::Matrix& A, const polar::ByProducts& sums);

// The same of an n x n matrix that is not looked at: wider for nearly flat spectra.
Up two_moment_bound(int64_t n, const polar::ByProducts& sums);

// squares/trace, which no largest eigenvalue of a positive semidefinite matrix is below.
double moment_estimate(const polar::ByProducts& sums);

// Frobenius norm of an n x n matrix.
Up norm_bound(int64_t n, const polar::ByProducts& sums);

// Largest sum of magnitudes in a row, also where that has been summed already, in any order.
Up row_sum_bound(const polar::Matrix& A);
Up row_sum_bound(int64_t n, double largest);

}  // namespace steepest::norms
