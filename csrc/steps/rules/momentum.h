// Momentum of the gradient as a direction of its own: the first stage of optimizers whose direction
// is made of the momentum of a whole matrix.
#pragma once

#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Momentum {
    enum { kMomentum, kNesterov, kAveraged };

    static constexpr bool kOverwrites = true;
    static constexpr RuleSpec spec = {
        .name = "momentum",
        .class_name = "",
        .summary =
            "Momentum of the gradient, written to params as a direction: the first stage of Muon, "
            "Scion and trust-region steps.",
        .source =
            "Jordan et al., Muon (2024), in the form of torch.optim.Muon: buf = momentum buf + "
            "(1 - momentum) g, params = lr buf, or with Nesterov lr ((1 - momentum) g + momentum "
            "buf); averaged=False has g for (1 - momentum) g. params is only written, and "
            "weight_decay has no effect",
        .decay = Decay::own,
        .lr = 1,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "momentum_buffer", .doc = "momentum"}},
        .hypers = {{.name = "momentum",
                    .doc = "momentum factor",
                    .value = {0.95},
                    .high = 1,
                    .high_open = true},
                   {.name = "nesterov",
                    .doc = "use Nesterov momentum",
                    .value = {1},
                    .type = HyperType::boolean},
                   {.name = "averaged",
                    .doc = "weigh the gradient by 1 - momentum",
                    .value = {1},
                    .type = HyperType::boolean}},
    };

    struct Constants {
        T lr, keep, gain;      // buf = keep buf + gain g
        T ahead_g, ahead_buf;  // direction = ahead_g g + ahead_buf buf
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double momentum = in.hyper[kMomentum];
        const bool nesterov = in.hyper[kNesterov] != 0;
        const T gain = in.hyper[kAveraged] != 0 ? T(1 - momentum) : T(1);
        return {.lr = T(in.lr),
                .keep = T(momentum),
                .gain = gain,
                .ahead_g = nesterov ? gain : T(0),
                .ahead_buf = nesterov ? T(momentum) : T(1)};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& buf) {
        const T b = c.keep * buf + c.gain * g;
        const T direction = c.ahead_g != 0 ? c.ahead_g * g + c.ahead_buf * b : b;
        p = c.lr * direction;
        buf = b;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
