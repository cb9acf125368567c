// The vectors of a target: compiler vectors of its register width, partial loads and stores, fused
// multiply-add, and the transposition of a square of them.
#pragma once

#include <cstdint>

#include "core/target.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace products {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

// `Lanes` elements of T, in registers and anywhere in memory.
template <class T, int Lanes>
struct VectorOf {
    typedef T type __attribute__((vector_size(sizeof(T) * Lanes)));
    typedef T anywhere
        __attribute__((vector_size(sizeof(T) * Lanes), aligned(alignof(T)), may_alias));
};

template <class T>
inline constexpr int kLanesOf = static_cast<int>(kVectorBytes / sizeof(T));
template <class T>
using Vector = typename VectorOf<T, kLanesOf<T>>::type;
using FloatBits = Vector<uint32_t>;
using Halves = VectorOf<uint16_t, kLanesOf<float>>::type;

template <class T, int Lanes = kLanesOf<T>>
STEEPEST_INLINE typename VectorOf<T, Lanes>::type load(const T* p) {
    return *reinterpret_cast<const typename VectorOf<T, Lanes>::anywhere*>(p);
}

template <class T, int Lanes = kLanesOf<T>>
STEEPEST_INLINE void store(T* p, typename VectorOf<T, Lanes>::type v) {
    *reinterpret_cast<typename VectorOf<T, Lanes>::anywhere*>(p) = v;
}

// The first n lanes, n >= 0; those behind them are zero, or not stored.
#if defined(__AVX512F__)
template <class T, int Lanes = kLanesOf<T>>
STEEPEST_INLINE typename VectorOf<T, Lanes>::type load_some(const T* p, int64_t n) {
    if (n >= Lanes) return load<T, Lanes>(p);
    const uint32_t mask = (1u << n) - 1;
    using V = typename VectorOf<T, Lanes>::type;
    if constexpr (sizeof(T) == 8)
        return __builtin_bit_cast(V, _mm512_maskz_loadu_epi64(static_cast<__mmask8>(mask), p));
    else if constexpr (sizeof(T) == 4)
        return __builtin_bit_cast(V, _mm512_maskz_loadu_epi32(static_cast<__mmask16>(mask), p));
    else
        return __builtin_bit_cast(V, _mm256_maskz_loadu_epi16(static_cast<__mmask16>(mask), p));
}

template <class T, int Lanes = kLanesOf<T>>
STEEPEST_INLINE void store_some(T* p, typename VectorOf<T, Lanes>::type v, int64_t n) {
    if (n >= Lanes) return store<T, Lanes>(p, v);
    const uint32_t mask = (1u << n) - 1;
    if constexpr (sizeof(T) == 8)
        _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(mask), __builtin_bit_cast(__m512i, v));
    else if constexpr (sizeof(T) == 4)
        _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(mask), __builtin_bit_cast(__m512i, v));
    else
        _mm256_mask_storeu_epi16(p, static_cast<__mmask16>(mask), __builtin_bit_cast(__m256i, v));
}
#else
template <class T, int Lanes = kLanesOf<T>>
STEEPEST_INLINE typename VectorOf<T, Lanes>::type load_some(const T* p, int64_t n) {
    if (n >= Lanes) return load<T, Lanes>(p);
    typename VectorOf<T, Lanes>::type v = {};
    for (int64_t i = 0; i < n; ++i) v[i] = p[i];
    return v;
}

template <class T, int Lanes = kLanesOf<T>>
STEEPEST_INLINE void store_some(T* p, typename VectorOf<T, Lanes>::type v, int64_t n) {
    if (n >= Lanes) return store<T, Lanes>(p, v);
    for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}
#endif

template <class T>
STEEPEST_INLINE Vector<T> broadcast(T x) {
    return x - Vector<T>{};  // minus, since -0 + 0 is 0
}

// a * b + c; fused where the target has the instruction.
STEEPEST_INLINE Vector<float> multiply_add(Vector<float> a, Vector<float> b, Vector<float> c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_ps(a, b, c);
#else
    return a * b + c;
#endif
}

STEEPEST_INLINE Vector<double> multiply_add(Vector<double> a, Vector<double> b, Vector<double> c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_pd(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_pd(a, b, c);
#else
    return a * b + c;
#endif
}

// Both halves of the lanes, each a vector of doubles.
struct Doubles {
    Vector<double> lower, upper;
};
STEEPEST_INLINE Doubles widen(Vector<float> x) {
    using Half = VectorOf<float, kLanesOf<double>>::type;
    struct {
        Half lower, upper;
    } halves;
    __builtin_memcpy(&halves, &x, sizeof x);
    return {__builtin_convertvector(halves.lower, Vector<double>),
            __builtin_convertvector(halves.upper, Vector<double>)};
}

STEEPEST_INLINE Vector<float> widen(Halves h) {
    return __builtin_bit_cast(Vector<float>, __builtin_convertvector(h, FloatBits) << 16);
}

// Bf16::nearest, lane by lane; the instruction for it takes denormals for zero, as the dot product
// does.
STEEPEST_INLINE Halves narrow(Vector<float> x) {
#if defined(__AVX512BF16__)
    return __builtin_bit_cast(Halves, _mm512_cvtneps_pbh(x));
#else
    const FloatBits bits = __builtin_bit_cast(FloatBits, x);
    const FloatBits rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
    const FloatBits is_nan =
        __builtin_bit_cast(FloatBits, (bits & 0x7FFFFFFFu) > FloatBits{} + 0x7F800000u);
    const FloatBits kept = (is_nan & (bits | 0x400000u)) | (~is_nan & rounded);
    return __builtin_convertvector(kept >> 16, Halves);
#endif
}

// a0 b0 a1 b1 ... from the lower halves of a and b, or from the upper.
template <class V>
STEEPEST_INLINE V interleave_lower(V a, V b) {
    constexpr int lanes = sizeof(V) / sizeof(a[0]);
    if constexpr (lanes == 2) return __builtin_shufflevector(a, b, 0, 2);
    if constexpr (lanes == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
    if constexpr (lanes == 8) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    if constexpr (lanes == 16)
        return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7,
                                       23);
}

template <class V>
STEEPEST_INLINE V interleave_upper(V a, V b) {
    constexpr int lanes = sizeof(V) / sizeof(a[0]);
    if constexpr (lanes == 2) return __builtin_shufflevector(a, b, 1, 3);
    if constexpr (lanes == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
    if constexpr (lanes == 8) return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    if constexpr (lanes == 16)
        return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30,
                                       15, 31);
}

// Each pass is a perfect shuffle of all elements, which rotates the bits of their index by one.
template <class V, int N>
STEEPEST_INLINE void transpose(V (&row)[N]) {
#pragma GCC unroll 4
    for (int pass = 1; pass < N; pass *= 2) {
        V next[N];
#pragma GCC unroll 16
        for (int i = 0; i < N / 2; ++i) {
            next[2 * i] = interleave_lower(row[i], row[i + N / 2]);
            next[2 * i + 1] = interleave_upper(row[i], row[i + N / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < N; ++i) row[i] = next[i];
    }
}

}  // namespace products
}  // namespace STEEPEST_TARGET
}  // namespace steepest
