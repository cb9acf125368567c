#include "micro/peak.h"

#include <steepest/steepest.h>

#include <algorithm>

#include "bindings/peak_loops.h"
#include "micro/cases.h"

namespace steepest::bench {
namespace {

constexpr int64_t kRounds = 1 << 17;  // about half a millisecond
constexpr int kBursts = 9;

// Products of bfloat16 are made in float where there is no instruction for them.
const peak::Loop& loop_of(int32_t dtype) {
    const char* target = steepest_cpu_active();
    const char* name = dtype == STEEPEST_F64    ? "float64"
                       : dtype == STEEPEST_BF16 ? "bfloat16"
                                                : "float32";
    if (const peak::Loop* own = peak::find(target, name)) return *own;
    const peak::Loop* single = peak::find(target, "float32");
    if (!single) fail(std::string("no peak is known of ") + target);
    return *single;
}

}  // namespace

double peak_now(int32_t dtype) {
    const peak::Loop& loop = loop_of(dtype);
    const int threads = steepest_max_threads();
    double least = peak::seconds_of(loop, kRounds, threads);
    for (int i = 0; i < kBursts; ++i)
        least = std::min(least, peak::seconds_of(loop, kRounds, threads));
    return static_cast<double>(loop.operations) * static_cast<double>(kRounds) * threads / least;
}

}  // namespace steepest::bench
