// Shares whole tensors among threads, for work that has several passes over each: a thread to every
// one of many small tensors; large ones in turn, each by all threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/parallel.h"
#include "steps/call.h"

namespace steepest {

// A tensor of fewer elements is done by one thread before others have woken for every pass.
inline constexpr int64_t kSmallTensor = 65536;
// Of the small tensors of a call. Each has scratch of its own, whatever the number of threads is
// when the call comes.
inline constexpr int kSmallParts = 32;

// Doubles of scratch for the passes over one tensor: the most that any needs, and any small one.
struct PassScratch {
    int64_t any = 0, small = 0;

    void include(int64_t count, int64_t doubles) {
        any = std::max(any, doubles);
        if (count < kSmallTensor) small = std::max(small, doubles);
    }
    int64_t total() const { return std::max(any, kSmallParts * small); }
};

// Calls visit(job, scratch) for the jobs that `takes_part` accepts.
template <class TakesPart, class Visit>
void for_jobs(const Call& call, TakesPart&& takes_part, Visit&& visit) {
    const auto is_small = [&](const Job& job) { return job.count < kSmallTensor; };
    int64_t small = 0, work = 0;
    for (int64_t j = 0; j < call.count; ++j) {
        if (!takes_part(call.jobs[j]) || !is_small(call.jobs[j])) continue;
        ++small;
        work += call.jobs[j].count;
    }
    const int threads = threads_for(work);
    const bool shared = small >= 2 * threads;  // fewer would leave threads idle
    if (shared)
        parallel(threads, kSmallParts, [&](int part, int parts) {
            const int64_t end = call.count * (part + 1) / parts;
            for (int64_t j = call.count * part / parts; j < end; ++j) {
                Job& job = call.jobs[j];
                if (takes_part(job) && is_small(job))
                    visit(job, call.pass_scratch + part * call.small_scratch);
            }
        });
    for (int64_t j = 0; j < call.count; ++j) {
        Job& job = call.jobs[j];
        if (takes_part(job) && !(shared && is_small(job))) visit(job, call.pass_scratch);
    }
}

}  // namespace steepest
