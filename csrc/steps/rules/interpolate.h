// From one point towards another, or away from it: averages of weights, and the points of
// Schedule-Free steps.
#pragma once

#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Interpolate {
    enum { kOutward };

    static constexpr RuleSpec spec = {
        .name = "interpolate",
        .class_name = "",
        .summary = "A step of params towards the point in grads: the update of an average.",
        .source =
            "p += lr (g - p), outward p -= lr (g - p); lr = 1 - decay makes an exponential moving "
            "average of g, lr = 1 / n the mean of n (Izmailov et al., arXiv 1803.05407, "
            "algorithm 1), lr = 1 a copy. weight_decay has no effect",
        .decay = Decay::own,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = false,
        .hypers = {{.name = "outward",
                    .doc = "away from the point in grads",
                    .value = {0},
                    .type = HyperType::boolean}},
    };

    struct Constants {
        T weight;
        bool whole;  // the point itself, which p + (g - p) would round
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const T weight = T(in.hyper[kOutward] != 0 ? -in.lr : in.lr);
        return {.weight = weight, .whole = weight == 1};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g) {
        const T between = p + c.weight * (g - p);
        p = c.whole ? g : between;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
