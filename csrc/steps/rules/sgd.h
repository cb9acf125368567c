// Stochastic gradient descent with momentum, dampening and Nesterov's form.
#pragma once

#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Sgd {
    enum { kMomentum, kDampening, kNesterov };

    static constexpr RuleSpec spec = {
        .name = "sgd",
        .class_name = "SGD",
        .summary = "Stochastic gradient descent with momentum.",
        .source =
            "Sutskever et al., ICML 2013, in the form of torch.optim.SGD: buf = momentum buf + "
            "(1 - dampening) g, p -= lr buf; the first step sets buf = g",
        .decay = Decay::l2,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {{.name = "momentum_buffer",
                    .doc = "momentum; left out when momentum is 0",
                    .optional = true,
                    .needed_by = kMomentum}},
        .hypers = {{.name = "momentum", .doc = "momentum factor", .value = {0}},
                   {.name = "dampening",
                    .doc = "damping of the gradient in the buffer",
                    .value = {0},
                    .high = 1},
                   {.name = "nesterov",
                    .doc = "use Nesterov momentum",
                    .value = {0},
                    .type = HyperType::boolean}},
    };

    struct Constants {
        T lr, keep, gain;      // buf = keep buf + gain g
        T ahead_g, ahead_buf;  // direction = ahead_g g + ahead_buf buf
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const bool first = in.step == 1;
        const double momentum = in.hyper[kMomentum];
        const bool nesterov = in.hyper[kNesterov] != 0;
        return {.lr = T(in.lr),
                .keep = first ? T(0) : T(momentum),
                .gain = first ? T(1) : T(1 - in.hyper[kDampening]),
                .ahead_g = nesterov ? T(1) : T(0),
                .ahead_buf = nesterov ? T(momentum) : T(1)};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& buf) {
        const T new_part = c.gain * g;
        const T b = c.keep != 0 ? c.keep * buf + new_part : new_part;
        const T direction = c.ahead_g != 0 ? g + c.ahead_buf * b : b;
        p = p - c.lr * direction;
        buf = b;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
