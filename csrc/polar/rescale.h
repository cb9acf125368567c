// Elementwise passes of the iterations over matrices that lie packed (ld == cols).
#pragma once

#include "polar/products.h"

namespace steepest::polar {

// Divides the rows of X by the roots of the absolute row sums of its Gram matrix R, and rows and
// columns of R likewise; then X by `safety` once more, as before. Zero rows stay.
// Boissin et al., arXiv 2512.04632 (AOL scaling).
void rescale_rows(const Matrix& x, const Matrix& r, double safety);

// Divides X by its Schatten-4 norm, the root of R's Frobenius norm, times `safety`, and R by its
// square.
void rescale_by_schatten4(const Matrix& x, const Matrix& r, double safety);

// to = from + value I
void copy_plus(const Batch& from, double value, const Batch& to);

// from = high + low to about sixteen bits, from float.
void split(const Batch& from, const Batch& high, const Batch& low);

}  // namespace steepest::polar
