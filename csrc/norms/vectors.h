// Products of a matrix and a vector, in double, and the lower bound that a vector proves.
#pragma once

#include <vector>

#include "norms/outward.h"
#include "polar/products.h"

namespace steepest::norms {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b);
Vector multiply(const polar::Matrix& A, const Vector& x);
Vector multiply_transposed(const polar::Matrix& A, const Vector& x);
// To length one; a zero vector stays.
void normalize(Vector& x);

// The column of a symmetric matrix with the largest diagonal element.
Vector dominant_column(const polar::Matrix& A);

// ||A v|| / ||v||, which is at most the spectral norm of the n x n matrix A, whatever v. The
// computed A v is off by at most gamma_n ||A||_F ||v||. `image` receives A v.
Down quotient(const polar::Matrix& A, Up squares, const Vector& v, Vector& image);

// The same from the computed squares of the lengths of v and A v.
Down quotient(int64_t size, Up squares, double of_vector, double of_image);

}  // namespace steepest::norms
