// Shares items of one tensor, all alike, among threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/parallel.h"

namespace steepest {

inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Calls f(item) for all items, which together are `work` elements.
template <class F>
void for_items(int64_t items, int64_t work, F&& f) {
    const int64_t threads = std::min<int64_t>(threads_for(work), items);
    const int n = static_cast<int>(std::max<int64_t>(threads, 1));
    parallel(n, n, [&](int part, int parts) {
        for (int64_t i = items * part / parts; i < items * (part + 1) / parts; ++i) f(i);
    });
}

}  // namespace steepest
