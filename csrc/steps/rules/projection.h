// AdamP and SGDP take out of a step what is along the parameter, where the gradient is nearly
// orthogonal to it, as it is for weights whose length a normalisation undoes.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

inline constexpr HyperSpec kDelta{"delta",
                                  "times 1 / sqrt(length): the cosine of gradient and parameter "
                                  "below which a step is projected",
                                  {0.1}};
inline constexpr HyperSpec kWdRatio{
    "wd_ratio", "factor of the weight decay of a tensor that is projected", {0.1}};

// Of rows, or of the whole tensor where not all rows are nearly orthogonal.
template <class T>
struct Projection {
    enum Row { kDot, kGradSquare, kParamSquare, kAlong };  // sums of a row
    enum { kFar = 4 };                                     // rows that are not orthogonal
    static constexpr int kRowTerms = 4;
    static constexpr int kTerms = 5;

    double eps;
    double row_bound;  // of the cosine in rows
    double of_tensor;  // what the tensor's projection multiplies the parameter with
    bool by_rows;
    bool by_tensor;

    STEEPEST_HD bool is_projected() const { return by_rows || by_tensor; }

    STEEPEST_HD static Projection prepare(const Prepare& in, double delta, double eps) {
        const bool has_rows = in.row_length > 0;  // a cosine is never below 0
        Projection p{.eps = eps,
                     .row_bound = has_rows ? delta / sqrt(in.row_length) : 0,
                     .of_tensor = 0,
                     .by_rows = false,
                     .by_tensor = false};
        if (!in.sum) return p;
        p.by_rows = in.sum[kFar] == 0;
        p.by_tensor = !p.by_rows && has_rows && cosine(in.sum, eps) < delta / sqrt(in.count);
        p.of_tensor = p.by_tensor ? along(in.sum, eps) : 0;
        return p;
    }

    // `u` is the step that would be made, over the learning rate.
    STEEPEST_HD static STEEPEST_INLINE void element(T p, T g, T u, double (&term)[kRowTerms]) {
        term[kDot] = static_cast<double>(g) * static_cast<double>(p);
        term[kGradSquare] = static_cast<double>(g) * static_cast<double>(g);
        term[kParamSquare] = static_cast<double>(p) * static_cast<double>(p);
        term[kAlong] = static_cast<double>(u) * static_cast<double>(p);
    }

    STEEPEST_HD STEEPEST_INLINE void row_terms(const double (&row)[kRowTerms],
                                               double (&term)[kTerms]) const {
        for (int k = 0; k < kRowTerms; ++k) term[k] = row[k];
        term[kFar] = cosine(row, eps) < row_bound ? 0 : 1;  // a NaN is far
    }

    // What the parameter is multiplied with in a row and taken off the step.
    STEEPEST_HD STEEPEST_INLINE T row_value(const double (&row)[kRowTerms]) const {
        return T(by_rows ? along(row, eps) : of_tensor);
    }

    // Not u - 0 p: an infinite parameter would make it NaN.
    STEEPEST_HD static STEEPEST_INLINE T projected(T u, T p, T value) {
        return value != 0 ? u - value * p : u;
    }

  private:
    STEEPEST_HD static double cosine(const double* sum, double eps) {
        const double of_g = maximum(sqrt(sum[kGradSquare]), eps);
        const double of_p = maximum(sqrt(sum[kParamSquare]), eps);
        return absolute(sum[kDot]) / of_g / of_p;
    }

    // <u, n> / (|p| + eps) with n = p / (|p| + eps).
    STEEPEST_HD static double along(const double* sum, double eps) {
        const double length = sqrt(sum[kParamSquare]) + eps;
        return length != 0 ? sum[kAlong] / length / length : 0;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
