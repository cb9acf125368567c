// SM3: Adagrad whose sums are bounded by one number per row and one per column.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Sm3 {
    static constexpr int kMostCodedBlocks = 3;  // five streams, two of them at computed places
    enum { kMomentum, kEps };

    static constexpr RuleSpec spec = {
        .name = "sm3",
        .class_name = "SM3",
        .summary = "Adagrad in the memory of rows and columns.",
        .source =
            "Anil et al., arXiv 1901.11150, SM3-II, with the rows and the columns of each matrix "
            "(the last two axes) as its cover: v = min(row, column) + g^2, then row and column are "
            "the largest v in them; u = g / (sqrt(v) + eps), buf = momentum buf + (1 - momentum) "
            "u, p -= lr buf. Of a vector, a matrix of one column, it is Adagrad. The paper has no "
            "eps, and 0 / 0 = 0",
        .decay = Decay::l2,
        .lr = 0.1,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "row_max",
                    .doc = "bound of the sums of squares in each row, shape (..., R, 1)",
                    .kind = Kind::row},
                   {.name = "col_max",
                    .doc = "bound of the sums of squares in each column, shape (..., 1, C)",
                    .kind = Kind::column},
                   {.name = "momentum_buffer",
                    .doc = "moving average of the update; only with momentum",
                    .optional = true,
                    .needed_by = kMomentum}},
        .hypers = {{.name = "momentum",
                    .doc = "decay rate of the average of updates",
                    .value = {0},
                    .high = 1,
                    .high_open = true},
                   eps_hyper(1e-10)},
    };

    struct Constants {
        T momentum, gain, eps, lr;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double momentum = in.hyper[kMomentum];
        return {.momentum = T(momentum),
                .gain = T(1 - momentum),
                .eps = T(in.hyper[kEps]),
                .lr = T(in.lr)};
    }

    // NaN where either bound is.
    STEEPEST_HD static STEEPEST_INLINE T bound(T g, T row, T column) {
        const T least = (row < column) | (row != row) ? row : column;
        return least + g * g;
    }

    STEEPEST_HD static STEEPEST_INLINE T axis_maximum(T g, T row, T column) {
        return bound(g, row, column);
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& row_max,
                                                  T& col_max, T& momentum_buffer) {
        const T denominator = sqrt(bound(g, row_max, col_max)) + c.eps;
        // The denominator is 0 only where eps is 0 and no gradient has come yet; g is 0 there.
        const T u = g / (denominator != 0 ? denominator : T(1));
        const T buf = c.momentum * momentum_buffer + c.gain * u;
        p = p - c.lr * buf;
        momentum_buffer = buf;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
