// One random factor per step for all tensors: Zhang & Cutkosky, arXiv 2405.09742. Its draw depends
// on seed and step alone, so every tensor, thread and device has the same.
#pragma once

#include "core/math.h"
#include "core/philox.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

inline constexpr uint32_t kScalePurpose = 0x180;  // of the draw

inline constexpr HyperSpec kScaling{
    .name = "scaling",
    .doc =
        "the factor s of a step, of mean 1, drawn from (seed, step): 'exponential' Exp(1), "
        "'uniform' on (0, 2], or 'none' for 1",
    .value = {0},
    .type = HyperType::choice,
    .choices = "exponential|uniform|none"};

// Uniform on (0, 1], from 53 bits.
STEEPEST_HD inline double uniform_of_step(uint64_t seed, int64_t step) {
    const auto t = static_cast<uint64_t>(step);
    const Stream stream{.seed = seed,
                        .purpose = kScalePurpose,
                        .draw = static_cast<uint32_t>(t),
                        .tensor = static_cast<uint32_t>(t >> 32)};
    const Philox bits = philox(stream, 0);
    const uint64_t word = uint64_t{bits.word[1]} << 32 | bits.word[0];
    return static_cast<double>((word >> 11) + 1) * 0x1p-53;
}

STEEPEST_HD inline double random_scale(const Prepare& in, double scaling) {
    if (scaling == 2) return 1;
    const double u = uniform_of_step(in.seed, in.step);
    return scaling == 1 ? 2 * u : 0 - log(u);
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
