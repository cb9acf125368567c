// Schedule-Free AdamW: the average of the iterates in place of the first moment.
#pragma once

#include "core/math.h"
#include "steps/rules/schedule_free_sgd.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct ScheduleFreeAdamW : ScheduleFreeCore<T> {
    using Core = ScheduleFreeCore<T>;
    enum { kBeta1, kBeta2, kEps, kWarmup, kWeight, kCautious };

    static constexpr RuleSpec spec = {
        .name = "schedule_free_adamw",
        .class_name = "",
        .summary = "Schedule-Free AdamW: the average of the iterates in place of a momentum.",
        .source =
            "Defazio et al., arXiv 2405.15682, algorithm 1, on y and z alone: "
            "v = beta2 v + (1 - beta2) g^2, d = g / (sqrt(v) + eps) + weight_decay y, "
            "y += share (z - y) - r (1 - beta1 (1 - share)) d, z -= r d, "
            "r = lr sqrt(1 - beta2^step) min(1, step / warmup_steps); params is "
            "y = (1 - beta1) z + beta1 x, x the average. cautious: Chen et al., arXiv 2510.12402, "
            "decays only where g y >= 0",
        .decay = Decay::own,
        .lr = 2.5e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kFreeIterate, kExpAvgSq},
        .hypers = {{.name = "betas",
                    .doc = "part of the average in the point where gradients are taken, decay rate "
                           "of the second moment",
                    .value = {0.9, 0.999},
                    .length = 2,
                    .high = 1,
                    .high_open = true},
                   eps_hyper(1e-8),
                   kWarmupSteps,
                   kShare,
                   kCautiousDecay},
    };

    struct Constants : Core::Constants {
        T beta2, gain2, eps;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta2 = in.hyper[kBeta2];
        const double rate = Core::warmed(in, in.hyper[kWarmup]) * sqrt(1 - power(beta2, in.step));
        return {Core::constants(in, rate, in.hyper[kBeta1], in.hyper[kWeight],
                                in.hyper[kCautious] != 0),
                T(beta2), T(1 - beta2), T(in.hyper[kEps])};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& z,
                                                  T& exp_avg_sq) {
        const T v = c.beta2 * exp_avg_sq + c.gain2 * (g * g);
        Core::move(c, p, g / (sqrt(v) + c.eps), z);
        exp_avg_sq = v;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
