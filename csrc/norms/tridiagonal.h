// The largest eigenvalues of a symmetric tridiagonal matrix, such as Lanczos' method makes.
#pragma once

#include <vector>

namespace steepest::norms {

struct Tridiagonal {
    std::vector<double> diagonal, beside;  // `beside` has at least one number less

    int size() const { return static_cast<int>(diagonal.size()); }
};

// The k-th eigenvalue from the top, k from 0, rounded up to within a few roundings of the largest,
// or to within 2^-halvings of the range that all of them surely lie in.
double eigenvalue(const Tridiagonal& T, int k, int halvings = 60);

// An eigenvector of length one for the largest eigenvalue, given that.
std::vector<double> top_vector(const Tridiagonal& T, double largest);

}  // namespace steepest::norms
