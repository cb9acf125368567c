// DOT: two gradients, of a task and of a distillation loss, with a momentum each.
#pragma once

#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Dot {
    enum { kMomentum, kDelta, kKdScale };

    static constexpr RuleSpec spec = {
        .name = "dot",
        .class_name = "",
        .summary = "Distillation-oriented trainer: a momentum for each of two gradients.",
        .source =
            "Zhao et al., arXiv 2307.08436 (ICCV 2023): with the gradient of the task loss in "
            "grads and that of the distillation loss in kd_grad, v = (momentum - delta) v + g, "
            "v_kd = (momentum + delta) v_kd + g_kd, p -= lr (v + v_kd). As in the authors' code "
            "weight decay is part of the task's gradient",
        .decay = Decay::l2,
        .lr = 1e-2,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "momentum_buffer", .doc = "momentum of the task's gradient"},
                   {.name = "momentum_kd_buffer", .doc = "momentum of the distillation's gradient"},
                   {.name = "kd_grad",
                    .doc = "gradient of the distillation loss: read but not changed; None counts "
                           "as 0",
                    .optional = true}},
        .hypers = {{.name = "momentum",
                    .doc = "mean of the two momentum factors",
                    .value = {0.9},
                    .high = 1,
                    .high_open = true},
                   {.name = "delta",
                    .doc = "half their difference; at most momentum, less than 1 - momentum",
                    .value = {0.075},
                    .high = 1,
                    .high_open = true},
                   {.name = "kd_scale",
                    .doc = "divides kd_grad, which grad_scale, max_grad_norm and maximize do not "
                           "reach; negative to ascend",
                    .value = {1},
                    .low = -__builtin_inf()}},
    };

    struct Constants {
        T momentum, kd_momentum, kd_scale, lr;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double momentum = in.hyper[kMomentum];
        const double delta = in.hyper[kDelta];
        return {.momentum = T(momentum - delta),
                .kd_momentum = T(momentum + delta),
                .kd_scale = T(in.hyper[kKdScale]),
                .lr = T(in.lr)};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& momentum_buffer,
                                                  T& momentum_kd_buffer, T& kd_grad) {
        const T g_kd = c.kd_scale != 1 ? kd_grad / c.kd_scale : kd_grad;
        const T v = c.momentum * momentum_buffer + g;
        const T v_kd = c.kd_momentum * momentum_kd_buffer + g_kd;
        p = p - c.lr * (v + v_kd);
        momentum_buffer = v;
        momentum_kd_buffer = v_kd;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
