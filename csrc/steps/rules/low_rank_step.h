// The last stage of steps that are made in a projection: along a direction that was projected back,
// and along the gradient with a factor for each row or column.
#pragma once

#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct LowRankStep {
    enum { kStepScale };

    static constexpr RuleSpec spec = {
        .name = "low_rank_step",
        .class_name = "",
        .summary = "A step along a direction plus the gradient with scaled rows and columns.",
        .source =
            "Chen et al., arXiv 2410.01623 (Fira): p = (p - lr step_scale (d + row_scale "
            "column_scale g)) (1 - lr weight_decay); with phi for the scales and d = P (psi "
            "- phi R) that is a step along P psi + phi (G - P R)",
        .decay = Decay::own,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "direction",
                    .doc = "d, read but not changed; None counts as 0",
                    .optional = true},
                   {.name = "row_scale",
                    .doc = "factors of rows, shape (..., R, 1), read but not changed",
                    .kind = Kind::row},
                   {.name = "column_scale",
                    .doc = "factors of columns, shape (..., 1, C), read but not changed",
                    .kind = Kind::column}},
        .hypers = {{.name = "step_scale",
                    .doc = "factor of the step, but not of the decay: Adam's bias corrections",
                    .value = {1}}},
        .is_public = false,
    };
    static constexpr int kMostCodedBlocks = 3;  // five streams, two of them at computed places

    struct Constants {
        T step, keep;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        return {.step = T(in.lr * in.hyper[kStepScale]), .keep = T(1 - in.lr * in.weight_decay)};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& direction,
                                                  T& row_scale, T& column_scale) {
        p = (p - c.step * (direction + (row_scale * column_scale) * g)) * c.keep;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
