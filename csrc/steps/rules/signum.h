// Signum: the sign of the momentum.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Signum {
    static constexpr RuleSpec spec = {
        .name = "signum",
        .class_name = "Signum",
        .summary = "Sign of the momentum; signSGD where momentum is 0.",
        .source =
            "Bernstein et al., arXiv 1802.04434, algorithm 2: m = momentum m + (1 - momentum) g, "
            "p -= lr sign(m), sign(0) = 0",
        .decay = Decay::decoupled,
        .lr = 1e-4,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "momentum_buffer",
                    .doc = "momentum; left out when momentum is 0",
                    .optional = true,
                    .needed_by = 0}},
        .hypers = {{.name = "momentum",
                    .doc = "momentum factor",
                    .value = {0.9},
                    .high = 1,
                    .high_open = true}},
    };

    struct Constants {
        T momentum, gain, lr;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double momentum = in.hyper[0];
        return {.momentum = T(momentum), .gain = T(1 - momentum), .lr = T(in.lr)};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g,
                                                  T& momentum_buffer) {
        const T m = c.momentum != 0 ? c.momentum * momentum_buffer + c.gain * g : g;
        p = p - c.lr * sign(m);
        momentum_buffer = m;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
