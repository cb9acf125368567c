#include "norms/tridiagonal.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace steepest::norms {
namespace {

constexpr double kLeastPivot = std::numeric_limits<double>::min();

struct Range {
    double low, high;
};

// Gershgorin's.
Range range_of(const Tridiagonal& T) {
    Range range{T.diagonal[0], T.diagonal[0]};
    for (int i = 0; i < T.size(); ++i) {
        const auto at = static_cast<size_t>(i);
        const double radius = (i > 0 ? std::abs(T.beside[at - 1]) : 0) +
                              (i + 1 < T.size() ? std::abs(T.beside[at]) : 0);
        range.low = std::min(range.low, T.diagonal[at] - radius);
        range.high = std::max(range.high, T.diagonal[at] + radius);
    }
    return range;
}

double square_beside(const Tridiagonal& T, int i) {
    const double b = i > 0 ? T.beside[static_cast<size_t>(i) - 1] : 0;
    return b * b;
}

// Eigenvalues above x: by Sylvester's law the positive pivots of T - x I.
int count_above(const Tridiagonal& T, double x) {
    int count = 0;
    double pivot = 1;
    for (int i = 0; i < T.size(); ++i) {
        pivot = T.diagonal[static_cast<size_t>(i)] - x - square_beside(T, i) / pivot;
        if (std::abs(pivot) < kLeastPivot) pivot = -kLeastPivot;
        count += pivot > 0;
    }
    return count;
}

void scale_to_one(std::vector<double>& v) {
    double squares = 0;
    for (const double x : v) squares += x * x;
    for (double& x : v) x /= std::sqrt(squares);
}

}  // namespace

double eigenvalue(const Tridiagonal& T, int k, int halvings) {
    Range range = range_of(T);
    for (int i = 0; i < halvings; ++i) {
        const double middle = 0.5 * (range.low + range.high);
        (count_above(T, middle) > k ? range.low : range.high) = middle;
    }
    return range.high;
}

// Inverse iteration with a shift above all eigenvalues: x I - T is then positive definite and needs
// no pivoting.
std::vector<double> top_vector(const Tridiagonal& T, double largest) {
    const int n = T.size();
    const double shift = largest + 0x1p-48 * std::max(std::abs(largest), kLeastPivot * 0x1p60);
    std::vector<double> pivot(static_cast<size_t>(n)), v(static_cast<size_t>(n), 1.0);
    for (int i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(i);
        pivot[at] = shift - T.diagonal[at] - (i > 0 ? square_beside(T, i) / pivot[at - 1] : 0);
        pivot[at] = std::max(pivot[at], 0x1p-60 * shift);
    }
    for (int step = 0; step < 3; ++step) {
        for (size_t i = 1; i < v.size(); ++i) v[i] += T.beside[i - 1] / pivot[i - 1] * v[i - 1];
        for (size_t i = v.size(); i-- > 0;) {
            if (i + 1 < v.size()) v[i] += T.beside[i] * v[i + 1];
            v[i] /= pivot[i];
        }
        scale_to_one(v);
    }
    return v;
}

}  // namespace steepest::norms
