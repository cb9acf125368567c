// What is known of a Gram iteration apart from its matrices: by-products of the iterates, what
// rounding did to them, and the powers of two. Wherever the matrices lie, this is in host memory.
#pragma once

#include "norms/levels.h"
#include "norms/moments.h"

namespace steepest::norms {

class GramRecord {
  public:
    // Of an n x m matrix with n <= m; in estimates errors are not followed.
    GramRecord(int64_t n, int64_t m, bool rigorous) : n_(n), m_(m), rigorous_(rigorous) {}

    // The matrix has been multiplied by two to this power, which moved its norm by at most `error`.
    void loaded(int exponent, Up error) {
        exponent_ = exponent;
        if (rigorous_) load_error_ = error;
    }
    // The Gram matrix has been formed, in sums of float64 or in long sums of floats.
    void formed(const polar::ByProducts& sums, bool in_long_sums);
    // An iterate has been squared.
    void squared(const Step& step, const polar::ByProducts& sums) {
        levels_.add(rigorous_ ? step : Step{.q = step.q});
        sums_ = sums;
    }

    int64_t size() const { return n_; }
    int level() const { return levels_.count(); }
    const polar::ByProducts& sums() const { return sums_; }
    const polar::ByProducts& gram_sums() const { return gram_sums_; }

    // A bound of the iterate's largest eigenvalue (or Schatten norm) as one of sigma_1, and a lower
    // bound of the Gram matrix's spectral norm as one of sigma_1.
    Up sigma_above(Up of_iterate) const {
        return sqrt(levels_.bring_down(of_iterate) + gram_error_) + load_error_;
    }
    Down sigma_below(Down of_gram) const { return sqrt(of_gram - gram_error_) - load_error_; }

    // Bounds of the caller's matrix: the scaling undone.
    double to_scale(double sigma) const { return std::ldexp(sigma, exponent_); }
    double unscaled(Up sigma) const { return norms::scaled(sigma, -exponent_).value; }
    double unscaled(Down sigma) const { return norms::scaled(sigma, -exponent_).value; }

    // The largest lambda for which sigma_above(lambda) is at most `sigma`, but for roundings.
    double gram_for(double sigma) const {
        const double rest = sigma - load_error_.value;
        return rest > 0 ? rest * rest - gram_error_.value : 0;
    }

    int exponent() const { return exponent_; }
    // (tr A_0^(2^level))^(2^-(level+1)) from the iterate's trace, without regard to rounding.
    double schatten(double trace) const { return std::sqrt(levels_.root(trace)); }

  protected:
    Up gram_error() const { return gram_error_; }
    Up load_error() const { return load_error_; }
    bool is_rigorous() const { return rigorous_; }

  private:
    int64_t n_, m_;
    bool rigorous_;
    polar::ByProducts gram_sums_{}, sums_{};
    Levels levels_;
    Up gram_error_{0};  // of the Gram matrix
    Up load_error_{0};  // of the matrix
    int exponent_ = 0;
};

// ||X||_F^2 is the exact trace of X X^T, from which the computed diagonal is off by gamma_k of it.
inline void GramRecord::formed(const polar::ByProducts& sums, bool in_long_sums) {
    gram_sums_ = sums_ = sums;
    if (!rigorous_) return;
    const double k = static_cast<double>(m_), n = static_cast<double>(n_);
    const Precision p = in_long_sums ? Precision::f32 : Precision::f64;
    const Up relative = in_long_sums ? error_of_long_sums(k) : gamma(k + 2, unit_of(p));
    const Up tiny = Up{n} * (Up{k + 2} * Up{tiny_of(p)});
    const Up squares = (Moments(sums, n_).trace.up + tiny) / (Down{1} - relative);
    gram_error_ = relative * squares + tiny;
}

}  // namespace steepest::norms
