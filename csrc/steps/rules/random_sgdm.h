// Random-scaling SGDM: momentum whose step is scaled by one random number per step.
#pragma once

#include "steps/rules/random_scale.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct RandomSgdm {
    enum { kBeta, kMu, kScale };

    static constexpr RuleSpec spec = {
        .name = "random_sgdm",
        .class_name = "RandomSGDM",
        .summary = "SGD with momentum whose steps are scaled at random.",
        .source =
            "Zhang & Cutkosky, arXiv 2405.09742 (exponentiated O2NC with online mirror descent): "
            "d = beta / (1 + lr mu) (d - lr g), p += s d, with one s for all tensors, drawn from "
            "Exp(1) at every step",
        .decay = Decay::l2,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {{.name = "delta", .doc = "the step before it is scaled"}},
        .hypers = {{.name = "beta",
                    .doc = "momentum factor",
                    .value = {0.99},
                    .high = 1,
                    .high_open = true},
                   {.name = "mu", .doc = "regularization of the step's size", .value = {0}},
                   kScaling},
    };

    struct Constants {
        T keep, lr, scale;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        return {.keep = T(in.hyper[kBeta] / (1 + in.lr * in.hyper[kMu])),
                .lr = T(in.lr),
                .scale = T(random_scale(in, in.hyper[kScale]))};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& delta) {
        const T d = c.keep * (delta - c.lr * g);
        p = p + c.scale * d;
        delta = d;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
