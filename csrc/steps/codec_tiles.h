// Tiles between storage and float, one loop for every codec.
#pragma once

#include "core/codecs/bf16.h"
#include "core/codecs/bf16_wide.h"
#include "core/codecs/f16.h"
#include "core/philox_wide.h"
#include "core/reduce.h"
#include "steps/job.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class Codec>
void load_tile(const void* from, float* to, int64_t n) {
    const auto* __restrict src = static_cast<const typename Codec::Storage*>(from);
    float* __restrict dst = to;
    for (int64_t i = 0; i < n; ++i) dst[i] = Codec::decode(src[i]);
}

template <class Codec>
void store_nearest(const float* from, void* to, int64_t n) {
    const float* __restrict src = from;
    auto* __restrict dst = static_cast<typename Codec::Storage*>(to);
    for (int64_t i = 0; i < n; ++i) dst[i] = Codec::nearest(src[i]);
}

#if defined(__F16C__)
// The processor's own conversions give the same bits as the portable ones, several times faster.
template <>
inline void load_tile<F16>(const void* from, float* to, int64_t n) {
    const uint16_t* src = static_cast<const uint16_t*>(from);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(
            to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src + i))));
    for (; i < n; ++i) to[i] = F16::decode(src[i]);
}

template <>
inline void store_nearest<F16>(const float* from, void* to, int64_t n) {
    uint16_t* dst = static_cast<uint16_t*>(to);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; ++i) dst[i] = F16::nearest(from[i]);
}
#endif

#if defined(__AVX2__)
// Bf16::nearest by vectors, in half the instructions that compilers make of the loop above.
template <>
inline void store_nearest<Bf16>(const float* from, void* to, int64_t n) {
    round_to_bf16(from, static_cast<uint16_t*>(to), n);
}
#endif

// Random bits of a tile: element i of a tensor takes half i % 8, from the lowest, of Philox block i
// / 8, so 16 bytes of storage need one block.
STEEPEST_INLINE void random_words(const Stream& stream, int64_t first, uint64_t* __restrict word) {
    constexpr int kBlocks = kTile / 8;
    alignas(64) uint64_t low[kBlocks];
    alignas(64) uint64_t high[kBlocks];
    for (int b = 0; b < kBlocks; b += kWideLanes) {
        const WidePhilox r = philox_wide(stream, static_cast<uint64_t>(first / 8 + b));
        __builtin_memcpy(low + b, &r.low, sizeof r.low);
        __builtin_memcpy(high + b, &r.high, sizeof r.high);
    }
    for (int b = 0; b < kBlocks; ++b) {
        word[2 * b] = low[b];
        word[2 * b + 1] = high[b];
    }
}

// `first` is the position of from[0] in its tensor and a multiple of kTile; n <= kTile.
template <class Codec>
void store_stochastic(const float* from, void* to, int64_t n, const Stream& stream, int64_t first) {
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);  // the low half of a word comes first
    using Half = uint16_t __attribute__((may_alias));
    alignas(64) uint64_t word[kTile / 4];
    random_words(stream, first, word);
    const Half* half = reinterpret_cast<const Half*>(word);
    const float* __restrict src = from;
    auto* __restrict dst = static_cast<typename Codec::Storage*>(to);
    for (int64_t i = 0; i < n; ++i) dst[i] = Codec::stochastic(src[i], half[i]);
}

inline void store_plain(const float* from, void* to, int64_t n) {
    float* dst = static_cast<float*>(to);
    for (int64_t i = 0; i < n; ++i) dst[i] = from[i];
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
