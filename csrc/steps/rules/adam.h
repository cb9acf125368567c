// Adam: bias-corrected moving averages of the gradient and of its square.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

// Constants and arithmetic that the whole Adam family shares.
template <class T>
struct AdamCore {
    enum { kBeta1, kBeta2, kEps };
    static constexpr int kMostBlocks = sizeof(T) == 8 ? 2 : 4;

    struct Constants {
        T beta1, gain1, beta2, gain2;  // average = beta average + gain new
        T step_size, correction, eps;  // lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta1 = in.hyper[kBeta1];
        const double beta2 = in.hyper[kBeta2];
        return {.beta1 = T(beta1),
                .gain1 = T(1 - beta1),
                .beta2 = T(beta2),
                .gain2 = T(1 - beta2),
                .step_size = T(in.lr / (1 - power(beta1, in.step))),
                .correction = T(1 / sqrt(1 - power(beta2, in.step))),
                .eps = T(in.hyper[kEps])};
    }

    template <class C>
    STEEPEST_HD static STEEPEST_INLINE T first_moment(const C& c, T g, T m) {
        return c.beta1 * m + c.gain1 * g;
    }

    template <class C>
    STEEPEST_HD static STEEPEST_INLINE T second_moment(const C& c, T g, T v) {
        return c.beta2 * v + c.gain2 * (g * g);
    }

    template <class C>
    STEEPEST_HD static STEEPEST_INLINE T denominator(const C& c, T v) {
        return sqrt(v) * c.correction + c.eps;
    }
};

template <class T>
struct Adam : AdamCore<T> {
    using Core = AdamCore<T>;
    using typename Core::Constants;

    static constexpr RuleSpec spec = {
        .name = "adam",
        .class_name = "Adam",
        .summary = "Adam, with weight decay added to the gradient (L2).",
        .source = "Kingma & Ba, arXiv 1412.6980, algorithm 1: p -= lr mhat / (sqrt(vhat) + eps)",
        .decay = Decay::l2,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg, kExpAvgSq},
        .hypers = {kBetas, eps_hyper(1e-8)},
    };

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, g, exp_avg_sq);
        p = p - c.step_size * (m / Core::denominator(c, v));
        exp_avg = m;
        exp_avg_sq = v;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
