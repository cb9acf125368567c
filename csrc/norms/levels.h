// What Gram iteration proves, in floating point.
//
// Level 0 is A_0, the computed X X^T; level t + 1 is the computed 2^q A_t A_t with a power of two
// that keeps numbers near one. In exact arithmetic the largest eigenvalue of A_t is that of X X^T
// to the power 2^t, times powers of two. What rounding adds is bounded at every level:
//
//   * |fl(A A^T) - A A^T| <= gamma_k |A| |A|^T + k tiny elementwise, k being the inner dimension,
//     for any order of the sums (levels.h asks nothing else of the products). The spectral norm of
//     |A| |A|^T, and its Frobenius norm, are at most ||A||_F^2. Multiplying by a power of two
//     afterwards is exact, or else off by less than tiny.
//   * By Weyl's inequality an error matrix E moves no eigenvalue by more than ||E||.
//   * Hence, with r_t the largest eigenvalue of A_t and e_t the bound of its product's error,
//         2^q r_t^2 <= r_{t+1} + e_t,
//     which is solved for r_t level by level, down to sigma_1^2 <= r_0 + e.
//   * An iterate that is rounded to float first has moved by at most u ||A||_F + n tiny.
//
// The same holds for Schatten norms of order two and more in place of the largest eigenvalue, since
// they are not larger than the Frobenius norm and obey the triangle inequality.
#pragma once

#include <cstdint>

#include "norms/outward.h"
#include "polar/products.h"

namespace steepest::norms {

inline constexpr int kMostLevels = 64;

enum class Precision { f32, f64 };

constexpr double unit_of(Precision p) { return p == Precision::f32 ? 0x1p-24 : 0x1p-53; }
// The spacing of subnormal numbers, which bounds what an underflow loses.
constexpr double tiny_of(Precision p) { return p == Precision::f32 ? 0x1p-149 : 0x1p-1074; }

// Frobenius norm of the error of 2^q A A^T, computed for an n x k matrix A with ||A||_F^2 <=
// squares.
inline Up product_error(int64_t n, int64_t k, int q, Up squares, Precision p) {
    const double sums = static_cast<double>(k) + 2;
    const Up relative = gamma(sums, unit_of(p)) * squares;
    const Up tiny = Up{static_cast<double>(n)} * (Up{sums} * Up{tiny_of(p)});
    return scaled(relative + tiny, q) + tiny;
}

// Error of a sum of k products of floats over the sum of their magnitudes, where kShortRun of them
// at a time are added in float and the sums of these in double.
inline Up error_of_long_sums(double k) {
    const Up in_float = gamma(polar::kShortRun + 2, unit_of(Precision::f32));
    const Up in_double = gamma(k + 2, unit_of(Precision::f64));
    return in_float + in_double + in_float * in_double;
}

// Of scaling an n x k matrix down by a power of two, which rounds an element that becomes
// subnormal.
inline Up underflow_error(int64_t n, int64_t k, Precision p) {
    return sqrt(Up{static_cast<double>(n)} * Up{static_cast<double>(k)}) * Up{tiny_of(p)};
}

// Of rounding an n x n iterate to float.
inline Up conversion_error(int64_t n, Up squares) {
    return Up{unit_of(Precision::f32)} * sqrt(squares) +
           Up{static_cast<double>(n)} * Up{tiny_of(Precision::f32)};
}

// From level t to level t + 1.
struct Step {
    int q;
    Up conversion{0};
    Up product{0};
};

class Levels {
  public:
    void add(const Step& step) { steps_[count_++] = step; }
    int count() const { return count_; }

    // A bound of the top level, brought down to level 0.
    Up bring_down(Up bound) const {
        for (int t = count_; t-- > 0;) {
            const Step& s = steps_[t];
            bound = sqrt(scaled(bound + s.product, -s.q)) + s.conversion;
        }
        return bound;
    }

    // The same without the errors.
    double root(double value) const {
        for (int t = count_; t-- > 0;) value = std::sqrt(std::ldexp(value, -steps_[t].q));
        return value;
    }

  private:
    Step steps_[kMostLevels];
    int count_ = 0;
};

}  // namespace steepest::norms
