#include "core/cpu.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace steepest::cpu {
namespace {

constexpr const char* kNames[kTargets] = {"baseline", "avx2", "avx512", "avx512bf16"};
constexpr int kUnset = -1;
std::atomic<int> chosen{kUnset};

bool supported(Target t) {
#if STEEPEST_HIGHEST_TARGET > 0
    switch (t) {
        case Target::baseline:
            return true;
        case Target::avx2:
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                   __builtin_cpu_supports("f16c");
        case Target::avx512:
            return supported(Target::avx2) && __builtin_cpu_supports("avx512f") &&
                   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl");
        case Target::avx512bf16:
            return supported(Target::avx512) && __builtin_cpu_supports("avx512bf16");
    }
    return false;
#else
    return t == Target::baseline;
#endif
}

bool find(const char* target_name, int& found) {
    for (int t = 0; t < kTargets; ++t) {
        if (std::strcmp(kNames[t], target_name) == 0 && usable(static_cast<Target>(t))) {
            found = t;
            return true;
        }
    }
    return false;
}

int best() {
    int t = kTargets - 1;
    while (t > 0 && !usable(static_cast<Target>(t))) --t;
    return t;
}

}  // namespace

const char* name(Target t) { return kNames[static_cast<int>(t)]; }

bool compiled(Target t) { return static_cast<int>(t) <= STEEPEST_HIGHEST_TARGET; }

bool usable(Target t) { return compiled(t) && supported(t); }

bool active(Target& t) {
    int now = chosen.load(std::memory_order_relaxed);
    if (now == kUnset) {
        const char* wanted = std::getenv("STEEPEST_CPU_TARGET");
        if (!wanted || !*wanted)
            now = best();
        else if (!find(wanted, now))
            return false;
        // Two threads that meet here come to the same answer; one that use() set meanwhile stays.
        int expected = kUnset;
        if (!chosen.compare_exchange_strong(expected, now)) now = expected;
    }
    t = static_cast<Target>(now);
    return true;
}

bool use(const char* target_name) {
    int t;
    if (!find(target_name, t)) return false;
    chosen.store(t, std::memory_order_relaxed);
    return true;
}

}  // namespace steepest::cpu
