// Kernels in phases. All threads of a CUDA block wait for each other between two phases, and what
// one hands to the next lies in memory that they share, so that the emulation runs the same code:
//
//   struct Kernel {
//       using Pass = ...;       // the arguments
//       struct Shared { ... };
//       static constexpr int kPhases = ...;
//       template <int kPhase>
//       static void run(const Pass& pass, const Thread& thread, Shared& shared);
//   };
#pragma once

#include "core/reduce.h"
#include "steps/device/lanes.h"
#include "steps/device/locate.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// Calls visit(held, k, i) for the elements i < n of a thread that has every kStep-th lane of the
// tree from `lane` on, in order, as many at a time as `fetch(k, i)` can have under way.
template <int kStep, class Fetch, class Visit>
STEEPEST_HD STEEPEST_INLINE void each_lane(int64_t n, int32_t lane, Fetch&& fetch, Visit&& visit) {
    constexpr int kMine = kLanes / kStep, kAhead = 16;
    static_assert(kAhead % kMine == 0);
    int64_t row = 0;
    for (; row + kAhead * kStep <= n; row += kAhead * kStep) {
        STEEPEST_UNROLL
        for (int k = 0; k < kAhead; ++k) fetch(k, row + k * kStep + lane);
        STEEPEST_UNROLL
        for (int k = 0; k < kAhead; ++k) visit(k % kMine, k, row + k * kStep + lane);
    }
    for (; row < n; row += kLanes) {
        STEEPEST_UNROLL
        for (int k = 0; k < kMine; ++k) {
            const int64_t i = row + k * kStep + lane;
            if (i >= n) continue;
            fetch(k, i);
            visit(k, k, i);
        }
    }
}

// Step 3 of the tree as far as a thread can go: of its lanes one is left. Recursive, since a loop
// over halves would not be unrolled.
template <int kLeft>
STEEPEST_HD STEEPEST_INLINE double fold_mine(double* held) {
    if constexpr (kLeft == 1) {
        return held[0];
    } else {
        STEEPEST_UNROLL
        for (int k = 0; k < kLeft / 2; ++k) held[k] += held[k + kLeft / 2];
        return fold_mine<kLeft / 2>(held);
    }
}
template <int kMine>
STEEPEST_HD STEEPEST_INLINE double fold_mine(double (&held)[kMine]) {
    return fold_mine<kMine>(static_cast<double*>(held));
}

// Step 4 over n leaves by a CUDA block: each thread folds a run of them, a power of two long, and
// one thread what that gives.
struct Leaves {
    int64_t count, each;

    STEEPEST_HD explicit Leaves(int64_t n) : count(n), each(1) {
        while (each * kThreads < n) each *= 2;
    }
    STEEPEST_HD int64_t begin(int32_t thread) const { return limited(thread * each); }
    STEEPEST_HD int64_t end(int32_t thread) const { return limited((thread + 1) * each); }
    // Threads that have leaves.
    STEEPEST_HD int64_t runs() const { return (count + each - 1) / each; }

  private:
    STEEPEST_HD int64_t limited(int64_t i) const { return i < count ? i : count; }
};

// What a phase leaves to the next one where nothing has to be left.
struct Nothing {};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
