// Lion: the sign of an interpolated momentum.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct LionCore {
    enum { kBeta1, kBeta2 };

    struct Constants {
        T beta1, gain1, beta2, gain2, lr;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta1 = in.hyper[kBeta1];
        const double beta2 = in.hyper[kBeta2];
        return {.beta1 = T(beta1),
                .gain1 = T(1 - beta1),
                .beta2 = T(beta2),
                .gain2 = T(1 - beta2),
                .lr = T(in.lr)};
    }

    template <class C>
    STEEPEST_HD static STEEPEST_INLINE T interpolation(const C& c, T g, T m) {
        return c.beta1 * m + c.gain1 * g;
    }

    template <class C>
    STEEPEST_HD static STEEPEST_INLINE T direction(const C& c, T g, T m) {
        return sign(interpolation(c, g, m));
    }

    template <class C>
    STEEPEST_HD static STEEPEST_INLINE T momentum(const C& c, T g, T m) {
        return c.beta2 * m + c.gain2 * g;
    }
};

template <class T>
struct Lion : LionCore<T> {
    using Core = LionCore<T>;
    using typename Core::Constants;

    static constexpr RuleSpec spec = {
        .name = "lion",
        .class_name = "Lion",
        .summary = "Evolved sign momentum.",
        .source =
            "Chen et al., arXiv 2302.06675, algorithm 2: p -= lr sign(beta1 m + (1 - beta1) g), "
            "then m = beta2 m + (1 - beta2) g; sign(0) = 0",
        .decay = Decay::decoupled,
        .lr = 1e-4,
        .weight_decay = 0,
        .needs_step = false,
        .states = {kExpAvg},
        .hypers = {{.name = "betas",
                    .doc = "interpolation weight of the direction, decay rate of the momentum",
                    .value = {0.9, 0.99},
                    .length = 2,
                    .high = 1,
                    .high_open = true}},
    };

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg) {
        p = p - c.lr * Core::direction(c, g, exp_avg);
        exp_avg = Core::momentum(c, g, exp_avg);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
