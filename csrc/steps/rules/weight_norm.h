// Rows times numbers of their own, less multiples of the rows of another matrix: what weight
// normalisation makes of a gradient, and of a direction with its length.
#pragma once

#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct WeightNorm {
    static constexpr RuleSpec spec = {
        .name = "weight_norm",
        .class_name = "",
        .summary =
            "Scaled rows of the gradient less multiples of the rows of v, written to params.",
        .source =
            "Salimans & Kingma, arXiv 1602.07868: w = scale v with scale = magnitude / |v| "
            "has the gradient scale (g - radial v), radial = <g, v> / |v|^2, with respect to "
            "v. params = lr scale (g - radial v) is only written, and weight_decay has no "
            "effect",
        .decay = Decay::own,
        .lr = 1,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "v", .doc = "read but not changed; None counts as 0", .optional = true},
                   {.name = "scale",
                    .doc = "factors of rows, shape (..., R, 1), read but not changed",
                    .kind = Kind::row},
                   {.name = "radial",
                    .doc = "what of the rows of v is taken off, shape (..., R, 1), read but not "
                           "changed",
                    .kind = Kind::row}},
        .is_public = false,
    };

    struct Constants {
        T lr;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) { return {T(in.lr)}; }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& v, T& scale,
                                                  T& radial) {
        p = c.lr * (scale * (g - radial * v));
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
