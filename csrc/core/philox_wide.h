// Many Philox blocks at a time. A 32-bit word sits in the low half of a 64-bit lane; what
// multiplication and xor leave in the high half does no harm, because the widening product reads
// the low half only. The compiler does not find this form by itself.
#pragma once

#include <cstdint>

#include "core/philox.h"
#include "core/target.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steepest {
inline namespace STEEPEST_TARGET {

#if defined(__AVX512F__)
inline constexpr int kWideLanes = 8;
#elif defined(__AVX2__)
inline constexpr int kWideLanes = 4;
#elif defined(__SSE2__)
inline constexpr int kWideLanes = 2;
#else
inline constexpr int kWideLanes = 1;
#endif

typedef uint64_t Wide __attribute__((vector_size(8 * kWideLanes)));

// Products of the low halves.
STEEPEST_INLINE Wide multiply_low(Wide a, Wide b) {
#if defined(__AVX512F__)
    return (Wide)_mm512_maskz_mul_epu32(0xFF, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (Wide)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (Wide)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

struct WidePhilox {
    Wide low, high;  // words 0 and 1, words 2 and 3 of each block
};

// The blocks base, base + 1, ..., one per lane. They agree in the upper half of their number.
STEEPEST_INLINE WidePhilox philox_wide(const Stream& s, uint64_t base) {
    const Wide zero = {};
    Wide a = zero + base;
    for (int lane = 0; lane < kWideLanes; ++lane) a[lane] += static_cast<uint64_t>(lane);
    Wide b = zero + s.tensor;
    Wide c = zero + s.draw;
    Wide d = zero + philox_top_word(s, base);
    uint32_t key0 = static_cast<uint32_t>(s.seed);
    uint32_t key1 = static_cast<uint32_t>(s.seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const Wide p = multiply_low(a, zero + kPhiloxA);
        const Wide q = multiply_low(c, zero + kPhiloxC);
        a = (q >> 32) ^ b ^ key0;
        b = q;
        c = (p >> 32) ^ d ^ key1;
        d = p;
        key0 += kPhiloxKey0;
        key1 += kPhiloxKey1;
    }
    return {(a & 0xFFFFFFFFu) | (b << 32), (c & 0xFFFFFFFFu) | (d << 32)};
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
