// Bf16::nearest of runs of floats, where the target has wide vectors. Instructions of AVX-512-BF16
// are of no use: they take denormals for zero.
#pragma once

#include "core/codecs/bf16.h"

#if defined(__AVX2__)
#include <immintrin.h>

namespace steepest {
inline namespace STEEPEST_TARGET {

#if defined(__AVX512F__) && defined(__AVX512BW__)

// In the upper halves of the lanes. What is added is chosen by the last bit that is kept.
STEEPEST_INLINE __m512i rounded_to_bf16(__m512 x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    const __m512i half =
        _mm512_mask_blend_epi32(odd, _mm512_set1_epi32(0x7FFF), _mm512_set1_epi32(0x8000));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(_mm512_add_epi32(bits, half), is_nan, bits,
                                _mm512_set1_epi32(0x400000));
}

// The upper halves of the lanes of a, then those of b.
STEEPEST_INLINE __m512i upper_halves(__m512i a, __m512i b) {
    typedef uint16_t Halves __attribute__((vector_size(64)));
    constexpr Halves upper = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                              33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
    return _mm512_permutex2var_epi16(a, (__m512i)upper, b);
}

STEEPEST_INLINE void round_to_bf16(const float* from, uint16_t* to, int64_t n) {
    int64_t i = 0;
    for (; i + 32 <= n; i += 32)
        _mm512_storeu_si512(to + i, upper_halves(rounded_to_bf16(_mm512_loadu_ps(from + i)),
                                                 rounded_to_bf16(_mm512_loadu_ps(from + i + 16))));
    if (i == n) return;
    const uint32_t some = (1u << (n - i)) - 1;
    const __m512 a = _mm512_maskz_loadu_ps(static_cast<__mmask16>(some), from + i);
    const __m512 b = _mm512_maskz_loadu_ps(static_cast<__mmask16>(some >> 16), from + i + 16);
    _mm512_mask_storeu_epi16(to + i, some, upper_halves(rounded_to_bf16(a), rounded_to_bf16(b)));
}

#else

// In the lower halves of the lanes.
STEEPEST_INLINE __m256i rounded_to_bf16(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i half = _mm256_add_epi32(last, _mm256_set1_epi32(0x7FFF));
    const __m256 rounded = _mm256_castsi256_ps(_mm256_add_epi32(bits, half));
    const __m256 quiet = _mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_set1_epi32(0x400000)));
    const __m256 kept = _mm256_blendv_ps(rounded, quiet, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_srli_epi32(_mm256_castps_si256(kept), 16);
}

STEEPEST_INLINE void round_to_bf16(const float* from, uint16_t* to, int64_t n) {
    constexpr int kInOrder = 0b11011000;  // packing leaves the quarters as 0 2 1 3
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256i a = rounded_to_bf16(_mm256_loadu_ps(from + i));
        const __m256i b = rounded_to_bf16(_mm256_loadu_ps(from + i + 8));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i),
                            _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), kInOrder));
    }
    for (; i < n; ++i) to[i] = Bf16::nearest(from[i]);
}

#endif

}  // namespace STEEPEST_TARGET
}  // namespace steepest
#endif
