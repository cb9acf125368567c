// Random-scaling AdamW: the whole step, decay and all, scaled by one random number per step.
#pragma once

#include "steps/rules/adam.h"
#include "steps/rules/random_scale.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct RandomAdamW : AdamCore<T> {
    using Core = AdamCore<T>;

    static constexpr RuleSpec spec = {
        .name = "random_adamw",
        .class_name = "RandomAdamW",
        .summary = "AdamW whose steps are scaled at random.",
        .source =
            "Zhang & Cutkosky, arXiv 2405.09742: p -= s lr (mhat / (sqrt(vhat) + eps) + "
            "weight_decay p), with one s for all tensors, drawn from Exp(1) at every step",
        .decay = Decay::own,
        .lr = 1e-3,
        .weight_decay = 1e-2,
        .needs_step = true,
        .states = {kExpAvg, kExpAvgSq},
        .hypers = {kBetas, eps_hyper(1e-8), kScaling},
    };
    enum { kScale = 3 };

    struct Constants : Core::Constants {
        T keep;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        Prepare scaled = in;
        scaled.lr = in.lr * random_scale(in, in.hyper[kScale]);
        return {Core::prepare(scaled), T(1 - scaled.lr * in.weight_decay)};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, g, exp_avg_sq);
        p = p * c.keep - c.step_size * (m / Core::denominator(c, v));
        exp_avg = m;
        exp_avg_sq = v;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
