// Loops over registers, whose indexes must be known when the code is compiled.
#pragma once

#include "core/target.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// f(i, j) for all i < kRows and j < kCols, row by row.
template <int kRows, int kCols, class F>
STEEPEST_HD STEEPEST_INLINE void unrolled(F&& f) {
    STEEPEST_UNROLL
    for (int i = 0; i < kRows; ++i) {
        STEEPEST_UNROLL
        for (int j = 0; j < kCols; ++j) f(i, j);
    }
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
