// A step along a direction whose gradients are taken ahead of the iterate, where the old gradients
// in the momentum are as good as new ones.
#pragma once

#include "steps/rules/descend.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Extrapolate : DescendCore<T> {
    using Core = DescendCore<T>;
    enum { kCautious, kMomentum };

    static constexpr RuleSpec spec = {
        .name = "extrapolate",
        .class_name = "",
        .summary =
            "A step along the direction in grads, and the point ahead of it where the next "
            "gradient "
            "is to be taken.",
        .source =
            "Kovalev, arXiv 2503.12645, algorithm with extrapolation: x' = x (1 - lr weight_decay) "
            "- lr d, params = x' + momentum / (1 - momentum) (x' - x); momentum is 1 - alpha",
        .decay = Decay::own,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "point", .doc = "the iterate x, params being the point ahead of it"}},
        .hypers = {kCautiousDecay,
                   {.name = "momentum",
                    .doc = "factor of the momentum that the direction is made of",
                    .value = {0.9},
                    .high = 1,
                    .high_open = true}},
    };

    struct Constants : Core::Constants {
        T ahead;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double momentum = in.hyper[kMomentum];
        return {Core::prepare(in), T(momentum / (1 - momentum))};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& point) {
        const T next = Core::moved(c, point, g);
        p = next + c.ahead * (next - point);
        point = next;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
