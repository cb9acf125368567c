// GrokFast by a moving average: gradients whose slow part is amplified.
#pragma once

#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

inline constexpr HyperSpec amplification(double value) {
    return {"lamb", "how much of the slow part is added", {value}};
}

template <class T>
struct GrokFastEma {
    enum { kAlpha, kLamb };

    static constexpr bool kOverwrites = true;
    static constexpr RuleSpec spec = {
        .name = "grokfast_ema",
        .class_name = "",
        .summary =
            "The gradient with its slow part amplified, written to params as the gradient of any "
            "other rule.",
        .source =
            "Lee et al., arXiv 2405.20233 (GrokFast-EMA): m = alpha m + (1 - alpha) g, params = "
            "lr (g + lamb m); the first m is g. params is only written, and weight_decay has no "
            "effect",
        .decay = Decay::own,
        .lr = 1,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg},
        .hypers = {{.name = "alpha",
                    .doc = "decay rate of the average",
                    .value = {0.98},
                    .high = 1,
                    .high_open = true},
                   amplification(2)},
    };

    struct Constants {
        T alpha, gain, lamb, lr;
        bool first;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double alpha = in.hyper[kAlpha];
        return {.alpha = T(alpha),
                .gain = T(1 - alpha),
                .lamb = T(in.hyper[kLamb]),
                .lr = T(in.lr),
                .first = in.step == 1};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg) {
        const T later = c.alpha * exp_avg + c.gain * g;
        const T m = c.first ? g : later;
        p = c.lr * (g + c.lamb * m);
        exp_avg = m;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
