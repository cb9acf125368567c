// How a warp takes a block of the tree of core/reduce.h: each thread every 32nd element, so that
// thread t holds the lanes t, t + 32, t + 64 and t + 96.
#pragma once

#include "core/reduce.h"
#include "steps/device/descriptors.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

inline constexpr int kHeld = kLanes / kWarp;  // lanes of the tree that a thread holds

// The sums of one thread for each term.
template <int kTerms>
struct LaneSums {
    double at[kTerms][kHeld] = {};
};

// Calls visit(held, element) for the elements of a thread in a block of `n` elements from `first`
// on, a number of rows of kLanes at a time that `fetch` can have under way.
template <int kRows, class Fetch, class Visit>
STEEPEST_HD STEEPEST_INLINE void each_element(int64_t first, int64_t n, int32_t lane, Fetch&& fetch,
                                              Visit&& visit) {
    int64_t row = 0;
    for (; row + kRows * kLanes <= n; row += kRows * kLanes) {
        STEEPEST_UNROLL
        for (int k = 0; k < kRows * kHeld; ++k) fetch(k, first + row + k * kWarp + lane);
        STEEPEST_UNROLL
        for (int k = 0; k < kRows * kHeld; ++k) visit(k % kHeld, k, first + row + k * kWarp + lane);
    }
    for (; row < n; row += kLanes) {
        STEEPEST_UNROLL
        for (int k = 0; k < kHeld; ++k) {
            const int64_t i = row + k * kWarp + lane;
            if (i >= n) continue;
            fetch(k, first + i);
            visit(k, k, first + i);
        }
    }
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
