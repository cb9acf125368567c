// ADAHESSIAN: Adam with the Hessian diagonal in place of the gradient in the second moment.
#pragma once

#include "steps/rules/adam.h"
#include "steps/rules/curvature.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AdaHessian : AdamCore<T> {
    using Core = AdamCore<T>;

    static constexpr RuleSpec spec = {
        .name = "adahessian",
        .class_name = "",
        .summary = "Adam with the square of the Hessian diagonal D as second moment.",
        .source =
            "Yao et al., arXiv 2006.00719, algorithm 1: m and v are moving averages of g and D^2, "
            "p -= lr mhat / (sqrt(vhat)^k + eps)",
        .decay = Decay::decoupled,
        .lr = 0.15,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg,
                   {.name = "exp_hessian_diag_sq",
                    .doc = "second moment: moving average of the squared Hessian diagonal"},
                   kHessian},
        .hypers = {kBetas,
                   eps_hyper(1e-4),
                   {.name = "hessian_power",
                    .doc = "exponent k of the root of the second moment",
                    .value = {1, 0},
                    .high = 1}},
    };
    enum { kPower = 3 };
    static constexpr int kMostBlocks = 3;  // a power takes registers

    struct Constants : Core::Constants {
        double exponent;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        return {Core::prepare(in), in.hyper[kPower]};
    }

    // x^k for x >= 0; zero, infinity and NaN stay what they are.
    STEEPEST_HD static STEEPEST_INLINE T raise(T x, double k) {
        if (k == 1) return x;
        if (k == 0) return T(1);
        if (k == 0.5) return sqrt(x);
        return x > 0 && x < __builtin_inf() ? T(pow(double(x), k)) : x;
    }

    template <bool kRaised>
    STEEPEST_HD static STEEPEST_INLINE void move(const Constants& c, T& p, T g, T& exp_avg,
                                                 T& exp_hessian_diag_sq, T hessian) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, hessian, exp_hessian_diag_sq);
        const T root = sqrt(v) * c.correction;
        p = p - c.step_size * (m / ((kRaised ? raise(root, c.exponent) : root) + c.eps));
        exp_avg = m;
        exp_hessian_diag_sq = v;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_hessian_diag_sq, T& hessian) {
        move<true>(c, p, g, exp_avg, exp_hessian_diag_sq, hessian);
    }

    // Without a power, which no compiler makes vectors of.
    struct Usual {
        using Constants = typename AdaHessian::Constants;

        static bool fits(const Constants& c) { return c.exponent == 1; }

        static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                          T& exp_hessian_diag_sq, T& hessian) {
            move<false>(c, p, g, exp_avg, exp_hessian_diag_sq, hessian);
        }
    };
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
