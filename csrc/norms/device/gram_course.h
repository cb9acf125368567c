// What the host knows of one matrix of a Gram iteration on a device: from by-products and lengths
// to the bounds, and when to leave off.
#pragma once

#include "norms/device/gram_pass.h"
#include "norms/interval.h"
#include "norms/narrowing.h"
#include "polar/device/polar_pass.h"

namespace steepest::device {

class GramCourse {
  public:
    // `inverse_norm` is one over the Frobenius norm, as power times factor.
    GramCourse(const polar::View& view, const PolarScale& inverse_norm, norms::Precision precision);

    // False for a matrix of zeros, or with a NaN or an infinity: it has been found then.
    bool is_regular() const { return is_regular_; }
    // What the matrix is multiplied by: powers of two that bring its Frobenius norm to between 1/2
    // and 1. One that is not regular becomes zeros, or NaN everywhere.
    const PolarScale& scale() const { return scale_; }

    // A new iterate is there: the first, or the square of the one before.
    void take(const polar::ByProducts& sums);
    void take(const GramLengths& lengths);
    bool is_done(const norms::Request& request) const;
    // The power of two that the iterate is to be multiplied by before it is squared.
    double begin_squaring();

    norms::Interval found() const;
    // A bound from above by one of the newest iterate's largest eigenvalue.
    double above(norms::Up of_iterate) const {
        return record_.unscaled(record_.sigma_above(of_iterate));
    }
    // (tr (X X^T)^(2^level))^(2^-(level+1)) of the matrix as it was scaled, and of the caller's.
    double scaled_schatten() const { return record_.schatten(record_.sums().trace); }
    double schatten() const {
        return is_regular_ ? std::ldexp(scaled_schatten(), -record_.exponent()) : upper_;
    }

    static int limit_of(const norms::Request& request);

  private:
    norms::GramRecord record_;
    norms::Narrowing narrowing_;
    norms::Precision precision_;
    bool is_regular_, has_begun_ = false;
    PolarScale scale_;
    norms::Step step_{};
    double upper_;
};

}  // namespace steepest::device
