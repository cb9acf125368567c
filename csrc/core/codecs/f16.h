// IEEE binary16, by integer and float operations that vectorise on every target.
#pragma once

#include <cstdint>

#include "core/target.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

struct F16 {
    using Storage = uint16_t;

    // A half's magnitude bits, shifted into a float's place, are the value times 2^-112; one exact
    // multiplication restores it, subnormals included. Infinity and NaN keep their own exponent.
    STEEPEST_HD static STEEPEST_INLINE float decode(uint16_t h) {
#ifdef __CUDA_ARCH__
        float x;  // one instruction, and the same bits for all but NaN; likewise below
        asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
        return x;
#endif
        const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
        const uint32_t magnitude = static_cast<uint32_t>(h & 0x7FFFu) << 13;
        const float scaled = __builtin_bit_cast(float, magnitude) * 0x1p112f;
        const uint32_t finite = __builtin_bit_cast(uint32_t, scaled);
        return __builtin_bit_cast(
            float, sign | ((h & 0x7C00u) == 0x7C00u ? magnitude | 0x7F800000u : finite));
    }

    STEEPEST_HD static STEEPEST_INLINE uint16_t nearest(float x) {
#ifdef __CUDA_ARCH__
        uint16_t h;
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
        return h;
#endif
        const uint32_t bits = __builtin_bit_cast(uint32_t, x);
        const uint32_t magnitude = bits & 0x7FFFFFFFu;
        const uint32_t normal = (magnitude + 0xFFFu + ((magnitude >> 13) & 1u) - kBias) >> 13;
        // Added to 2^-1, whose last place is 2^-24, a small value is rounded by the addition
        // itself.
        const float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
        const uint32_t subnormal = __builtin_bit_cast(uint32_t, shifted) - 0x3F000000u;
        return finish(bits, magnitude < kSmallestNormal ? subnormal : normal);
    }

    // Rounds away with a probability equal to the part cut off, in units of the last place, to 13
    // bits for normal results and 16 for subnormal ones.
    STEEPEST_HD static STEEPEST_INLINE uint16_t stochastic(float x, uint32_t random16) {
        const uint32_t bits = __builtin_bit_cast(uint32_t, x);
        const uint32_t magnitude = bits & 0x7FFFFFFFu;
        const uint32_t normal = (magnitude + (random16 >> 3) - kBias) >> 13;
        // In units of 2^-24; below 1024 for a subnormal, clamped so that the conversion is defined.
        const float units =
            __builtin_bit_cast(float, magnitude < kSmallestNormal ? magnitude : 0u) * 0x1p24f;
        const int32_t whole = static_cast<int32_t>(units);
        const float part = (units - static_cast<float>(whole)) * 0x1p16f;
        const int32_t up = part > static_cast<float>(static_cast<int32_t>(random16)) ? 1 : 0;
        return finish(bits,
                      magnitude < kSmallestNormal ? static_cast<uint32_t>(whole + up) : normal);
    }

  private:
    static constexpr uint32_t kBias = (127u - 15u) << 23;            // difference of the exponents
    static constexpr uint32_t kSmallestNormal = (127u - 14u) << 23;  // 2^-14 as a float
    static constexpr uint32_t kOverflow = (127u + 16u) << 23;        // 2^16 as a float
    static constexpr uint32_t kInfinity = 0x7C00u;

    // Sets the sign, cuts overflow to infinity and passes NaN on.
    STEEPEST_HD static STEEPEST_INLINE uint16_t finish(uint32_t bits, uint32_t half) {
        const uint32_t magnitude = bits & 0x7FFFFFFFu;
        const uint32_t bounded = magnitude >= kOverflow ? kInfinity : half;
        const uint32_t value = magnitude > 0x7F800000u ? 0x7E00u : bounded;
        return static_cast<uint16_t>(((bits >> 16) & 0x8000u) | value);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
