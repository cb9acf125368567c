// Sharing out matrices to threads: many small ones each to one thread, large ones one after the
// other to all of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "core/arena.h"
#include "core/parallel.h"
#include "polar/view.h"

namespace steepest::norms {

// Multiplications of one product that keep all threads busy with one matrix.
inline constexpr int64_t kLargeMatrix = int64_t{1} << 27;
// Multiplications that count as one element of threads_for.
inline constexpr int64_t kWorkUnit = 64;

// Threads that work on small matrices side by side.
template <class Views>
int slots_of(const Views& views) {
    int64_t small = 0, work = 0;
    for (const polar::View& v : views)
        if (const int64_t n = v.rows * v.rows * v.cols; n < kLargeMatrix) ++small, work += n;
    return static_cast<int>(std::clamp<int64_t>(small, 1, threads_for(work / kWorkUnit)));
}

// Calls f(i, memory) for every view; `memory` is one of `slots` pieces of `bytes` bytes.
template <class F>
void each_view(const std::vector<polar::View>& views, int slots, char* memory, size_t bytes,
               F&& f) {
    const auto is_small = [&](size_t i) {
        return views[i].rows * views[i].rows * views[i].cols < kLargeMatrix;
    };
    std::atomic<size_t> next{0};
    if (slots > 1)
        parallel(slots, slots, [&](int slot, int) {
            for (size_t i = next++; i < views.size(); i = next++)
                if (is_small(i)) f(i, memory + static_cast<size_t>(slot) * bytes);
        });
    for (size_t i = 0; i < views.size(); ++i)
        if (slots == 1 || !is_small(i)) f(i, memory);
}

}  // namespace steepest::norms
