// The gradient as the other rules get it: divided by the scale, clipped, or turned for ascent.
#pragma once

#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Clip {
    static constexpr RuleSpec spec = {
        .name = "clip",
        .class_name = "",
        .summary = "The gradient after scaling and clipping, written to params.",
        .source =
            "Pascanu, Mikolov & Bengio, arXiv 1211.5063, algorithm 1: g min(1, max_norm / |g|). "
            "params, which may be the gradient itself, is only written, and lr and weight_decay "
            "have no effect",
        .decay = Decay::own,
        .lr = 1,
        .weight_decay = 0,
        .needs_step = false,
        .is_public = false,
    };
    // The parameter may be the gradient's own array. Where that is to stay as it is, nothing is
    // done.
    static constexpr bool kInPlace = true;

    struct Constants {};

    STEEPEST_HD static Constants prepare(const Prepare&) { return {}; }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants&, T& p, T g) { p = g; }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
