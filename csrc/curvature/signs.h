// Signs from their bits: as values, in the caches or past them.
#pragma once

#include <cstdint>

#include "core/target.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace probes {

// The bits of a word as integers of the width of T. Tests against constants from memory are what
// every instruction set has for vectors, unlike shifts by different amounts.
template <class T>
struct Word;
template <>
struct Word<float> {
    using Bits = uint32_t;
};
template <>
struct Word<double> {
    using Bits = uint64_t;
};

template <class Bits>
struct BitTable {
    Bits bit[32];
    constexpr BitTable() : bit{} {
        for (int l = 0; l < 32; ++l) bit[l] = Bits{1} << l;
    }
};
template <class Bits>
alignas(64) inline constexpr BitTable<Bits> kBitTable;

// The sign bit of element l.
template <class T>
STEEPEST_INLINE typename Word<T>::Bits sign_of(uint32_t word, int l) {
    using Bits = typename Word<T>::Bits;
    constexpr Bits sign = Bits{1} << (8 * sizeof(T) - 1);
    return (Bits{word} & kBitTable<Bits>.bit[l]) != 0 ? sign : Bits{0};
}

template <class T>
STEEPEST_INLINE T signed_one(uint32_t word, int l) {
    constexpr auto one = __builtin_bit_cast(typename Word<T>::Bits, T(1));
    return __builtin_bit_cast(T, one | sign_of<T>(word, l));
}

STEEPEST_INLINE uint32_t word_at(const uint64_t* bits, int64_t i) {
    return static_cast<uint32_t>(bits[i / 64] >> (i % 64));
}

template <class T>
STEEPEST_INLINE void expand_word(uint32_t word, int n, T* __restrict values) {
    for (int l = 0; l < n; ++l) values[l] = signed_one<T>(word, l);
}

template <class T>
void expand(const uint64_t* bits, int64_t n, void* values) {
    auto* z = static_cast<T*>(values);
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) expand_word(word_at(bits, i), 32, z + i);
    if (i < n) expand_word(word_at(bits, i), static_cast<int>(n - i), z + i);
}

#if defined(__AVX512F__)
inline constexpr int kStoreBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kStoreBytes = 32;
#else
inline constexpr int kStoreBytes = 16;
#endif

// A vector past the caches, where the processor can: lines that are written whole need not be read
// first. `to` is aligned.
template <class Vector>
STEEPEST_INLINE void store_past_caches(Vector from, void* to) {
#if defined(__AVX512F__)
    _mm512_stream_si512(static_cast<__m512i*>(to), (__m512i)from);
#elif defined(__AVX2__)
    _mm256_stream_si256(static_cast<__m256i*>(to), (__m256i)from);
#elif defined(__SSE2__)
    _mm_stream_si128(static_cast<__m128i*>(to), (__m128i)from);
#else
    __builtin_memcpy(to, &from, sizeof from);
#endif
}

// The 32 values of a word.
template <class T>
STEEPEST_INLINE void stream_word(uint32_t word, T* values) {
    using Bits = typename Word<T>::Bits;
    typedef Bits Vector __attribute__((vector_size(kStoreBytes)));
    constexpr int lanes = kStoreBytes / static_cast<int>(sizeof(T));
    const Vector zero = {};
    const Vector one = zero + __builtin_bit_cast(Bits, T(1));
    const Vector sign = zero + (Bits{1} << (8 * sizeof(T) - 1));
    for (int v = 0; v < 32; v += lanes) {
        Vector bit;
        __builtin_memcpy(&bit, kBitTable<Bits>.bit + v, sizeof bit);
        const Vector negative = (Vector)(((zero + word) & bit) != zero);
        store_past_caches(one | (negative & sign), values + v);
    }
}

// Like expand, past the caches.
template <class T>
void stream_signs(const uint64_t* bits, int64_t n, void* values) {
    auto* z = static_cast<T*>(values);
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) stream_word(word_at(bits, i), z + i);
    if (i < n) expand_word(word_at(bits, i), static_cast<int>(n - i), z + i);
}

}  // namespace probes
}  // namespace STEEPEST_TARGET
}  // namespace steepest
