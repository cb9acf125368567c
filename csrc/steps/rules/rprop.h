// Rprop: a step size of its own for every element, which grows while the gradient keeps its sign.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Rprop {
    enum { kShrink, kGrow, kLeast, kMost };

    static constexpr RuleSpec spec = {
        .name = "rprop",
        .class_name = "Rprop",
        .summary =
            "Resilient backpropagation: steps by the sign of the gradient, each element at "
            "a size of its own.",
        .source =
            "Riedmiller & Braun, ICNN 1993, in the form of torch.optim.Rprop: the size grows by "
            "etas[1] where the gradient keeps its sign and shrinks by etas[0] where it changes, "
            "within step_sizes; there the element stays and its gradient counts as 0. lr is the "
            "size of the first step and has no effect later, but in decoupled weight decay",
        .decay = Decay::l2,
        .lr = 1e-2,
        .weight_decay = 0,
        .needs_step = true,
        .states = {{.name = "prev", .doc = "the last gradient, or 0 where its sign had changed"},
                   {.name = "step_size", .doc = "size of the last step; the first step sets it"}},
        .hypers = {{.name = "etas",
                    .doc = "factors by which a step size shrinks and grows",
                    .value = {0.5, 1.2},
                    .length = 2},
                   {.name = "step_sizes",
                    .doc = "the least and the largest step size",
                    .value = {1e-6, 50},
                    .length = 2}},
    };

    struct Constants {
        T shrink, grow, least, most, start;
        T first;   // 1 at the first step, else 0
        T counts;  // the other way round: what the sign of a product is multiplied by
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        return {.shrink = T(in.hyper[kShrink]),
                .grow = T(in.hyper[kGrow]),
                .least = T(in.hyper[kLeast]),
                .most = T(in.hyper[kMost]),
                .start = T(in.lr),
                .first = T(in.step == 1),
                .counts = T(in.step != 1)};
    }

    STEEPEST_HD static STEEPEST_INLINE T clamped(T size, T least, T most) {
        const T above = size < least ? least : size;
        return above > most ? most : above;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& prev,
                                                  T& step_size) {
        const T agreement = c.counts * (sign(prev) * sign(g));  // g prev would underflow
        const T other = agreement < 0 ? c.shrink : T(1);
        const T factor = agreement > 0 ? c.grow : other;
        const T last = c.first != 0 ? c.start : step_size;
        const T size = clamped(last * factor, c.least, c.most);
        const T kept = agreement < 0 ? T(0) : g;
        p = p - sign(kept) * size;
        prev = kept;
        step_size = size;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
