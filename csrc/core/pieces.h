// Shares the elements of a list of tensors among threads: each thread gets one run of the list, cut
// at block boundaries, the same run at every call, so that the pages and caches it touched stay its
// own.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/parallel.h"
#include "core/reduce.h"

namespace steepest {

inline int64_t up_to_block(int64_t i, int64_t count) {
    return std::min(count, (i + kBlock - 1) / kBlock * kBlock);
}

// Several parts per thread, as long as they are large, so that a thread that is held up passes work
// on.
inline int parts_for(int threads, int64_t total) {
    constexpr int64_t kLarge = 131072;
    if (threads == 1) return 1;
    return static_cast<int>(std::clamp<int64_t>(total / kLarge, threads, int64_t{8} * threads));
}

// Calls visit(job, begin, end) for the pieces of all jobs that `takes_part` accepts. A call has
// `jobs`, as many as `count`, and a job has `count` elements.
template <class Call, class TakesPart, class Visit>
void for_pieces(const Call& call, TakesPart&& takes_part, Visit&& visit) {
    int64_t total = 0;
    for (int64_t j = 0; j < call.count; ++j)
        if (takes_part(call.jobs[j])) total += call.jobs[j].count;
    if (total == 0) return;
    const int threads = threads_for(total);
    parallel(threads, parts_for(threads, total), [&](int part, int parts) {
        const auto share = [&](int p) {
            return total / parts * p + std::min<int64_t>(total % parts, p);
        };
        const int64_t begin = share(part);
        const int64_t end = share(part + 1);
        int64_t offset = 0;
        for (int64_t j = 0; j < call.count && offset < end; ++j) {
            auto& job = call.jobs[j];
            if (!takes_part(job)) continue;
            if (offset + job.count > begin) {
                const int64_t lo = up_to_block(std::max<int64_t>(begin - offset, 0), job.count);
                const int64_t hi = up_to_block(std::min(end - offset, job.count), job.count);
                if (lo < hi) visit(job, lo, hi);
            }
            offset += job.count;
        }
    });
}

}  // namespace steepest
