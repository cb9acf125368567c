// Step 3 of core/reduce.h for rows so short that several fit into the lanes, one after the other.
#pragma once

#include "core/math.h"
#include "core/reduce.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

struct Sum {
    STEEPEST_INLINE static double of(double a, double b) { return a + b; }
};
struct Largest {
    STEEPEST_INLINE static double of(double a, double b) { return maximum(a, b); }
};

// Folds rows of 2 half numbers to rows of `half`, in place, and so on.
template <class Op, int half>
STEEPEST_INLINE void fold_halves(double* lane, int rows) {
    if constexpr (half > 0) {
        for (int r = 0; r < rows; ++r)
            for (int l = 0; l < half; ++l)
                lane[r * half + l] = Op::of(lane[2 * r * half + l], lane[(2 * r + 1) * half + l]);
        fold_halves<Op, half / 2>(lane, rows);
    }
}

// The first level, for a width that need be no power of two: what is beyond it is not there, as if
// it were 0. Returns the width after it.
template <class Op>
STEEPEST_INLINE int fold_first(double* lane, int rows, int width) {
    int half = 1;
    while (2 * half < width) half *= 2;
    const int both = width - half;  // elements that have a partner
    for (int r = 0; r < rows; ++r) {
        const double* row = lane + r * width;
        double* to = lane + r * half;
        for (int l = 0; l < both; ++l) to[l] = Op::of(row[l], row[half + l]);
        for (int l = both; l < half; ++l) to[l] = row[l];
    }
    return half;
}

// Leaves the result of row r in lane[r]. `width` is at most kLanes.
template <class Op>
void fold_rows(double* lane, int rows, int width) {
    if (width == 1) return;
    switch (fold_first<Op>(lane, rows, width)) {
        case 64:
            return fold_halves<Op, 32>(lane, rows);
        case 32:
            return fold_halves<Op, 16>(lane, rows);
        case 16:
            return fold_halves<Op, 8>(lane, rows);
        case 8:
            return fold_halves<Op, 4>(lane, rows);
        case 4:
            return fold_halves<Op, 2>(lane, rows);
        case 2:
            return fold_halves<Op, 1>(lane, rows);
        default:
            return;
    }
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
