// bfloat16: the upper half of a float.
#pragma once

#include <cstdint>

#include "core/target.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

struct Bf16 {
    using Storage = uint16_t;

    STEEPEST_HD static STEEPEST_INLINE float decode(uint16_t h) {
        return __builtin_bit_cast(float, static_cast<uint32_t>(h) << 16);
    }

    STEEPEST_HD static STEEPEST_INLINE bool is_nan(uint32_t bits) {
        return (bits & 0x7FFFFFFFu) > 0x7F800000u;
    }

    // Adding half a unit, or half minus one when the last kept bit is even, makes the cut round to
    // nearest with ties to even; a carry runs into the exponent, where it belongs.
    STEEPEST_HD static STEEPEST_INLINE uint16_t nearest(float x) {
#ifdef __CUDA_ARCH__
        uint16_t h;  // one instruction, and the same bits for all but NaN
        asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(x));
        return h;
#endif
        const uint32_t bits = __builtin_bit_cast(uint32_t, x);
        const uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
        return static_cast<uint16_t>((is_nan(bits) ? bits | 0x400000u : rounded) >> 16);
    }

    // Rounds away with a probability equal to the part cut off, in units of the last place.
    STEEPEST_HD static STEEPEST_INLINE uint16_t stochastic(float x, uint32_t random16) {
        const uint32_t bits = __builtin_bit_cast(uint32_t, x);
        return static_cast<uint16_t>((is_nan(bits) ? bits | 0x400000u : bits + random16) >> 16);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
