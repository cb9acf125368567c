// Adam's quotient as a direction of its own: the stage of optimizers that keep Adam's moments in a
// projection of the gradient.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AdamDirection {
    enum { kBeta1, kBeta2, kEps };

    static constexpr RuleSpec spec = {
        .name = "adam_direction",
        .class_name = "",
        .summary = "Adam's quotient, written to params as a direction.",
        .source =
            "Kingma & Ba, arXiv 1412.6980: m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) "
            "g^2, params = lr m / (sqrt(v) + eps), the bias corrections being left to the learning "
            "rate of the step that follows. params is only written, and weight_decay has no effect",
        .decay = Decay::own,
        .lr = 1,
        .weight_decay = 0,
        .needs_step = false,
        .states = {kExpAvg, kExpAvgSq},
        .hypers = {kBetas, eps_hyper(1e-6)},
        .is_public = false,
    };

    struct Constants {
        T lr, beta1, gain1, beta2, gain2, eps;  // average = beta average + gain new
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        return {.lr = T(in.lr),
                .beta1 = T(in.hyper[kBeta1]),
                .gain1 = T(1 - in.hyper[kBeta1]),
                .beta2 = T(in.hyper[kBeta2]),
                .gain2 = T(1 - in.hyper[kBeta2]),
                .eps = T(in.hyper[kEps])};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq) {
        const T m = c.beta1 * exp_avg + c.gain1 * g;
        const T v = c.beta2 * exp_avg_sq + c.gain2 * (g * g);
        const T denominator = sqrt(v) + c.eps;
        p = denominator == 0 ? T(0) : c.lr * (m / denominator);
        exp_avg = m;
        exp_avg_sq = v;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
