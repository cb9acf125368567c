// The registry of CPU targets: which are compiled in, which this processor can run, which one is
// used.
#pragma once

namespace steepest::cpu {

enum class Target : int { baseline = 0, avx2 = 1, avx512 = 2, avx512bf16 = 3 };
inline constexpr int kTargets = 4;

const char* name(Target t);
bool compiled(Target t);
bool usable(Target t);  // compiled and supported by this processor

// The target of every call: the one set by use(), else the environment variable
// STEEPEST_CPU_TARGET, else the best usable one. Returns false when the environment names no usable
// target.
bool active(Target& t);

// Returns false, changing nothing, when no usable target has this name.
bool use(const char* target_name);

}  // namespace steepest::cpu
