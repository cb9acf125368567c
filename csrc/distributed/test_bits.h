// Comparisons of 64 numbers with zero, or another one, as the bits of a word, by the instruction
// that each target has for it: compilers do not find it.
#pragma once

#include <cstdint>

#include "core/target.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace distributed_kernels {

enum class Test { at_least, above, below, nan };

#if defined(__AVX512F__) || defined(__AVX2__)
constexpr int predicate(Test t) {
    return t == Test::at_least ? _CMP_GE_OQ
           : t == Test::above  ? _CMP_GT_OQ
           : t == Test::below  ? _CMP_LT_OQ
                               : _CMP_UNORD_Q;
}
#endif

#if defined(__AVX512F__)

template <Test t>
STEEPEST_INLINE uint64_t test_some(const float* x, float to) {
    return _mm512_cmp_ps_mask(_mm512_load_ps(x), _mm512_set1_ps(to), predicate(t));
}
template <Test t>
STEEPEST_INLINE uint64_t test_some(const double* x, double to) {
    return _mm512_cmp_pd_mask(_mm512_load_pd(x), _mm512_set1_pd(to), predicate(t));
}
inline constexpr int kTestBytes = 64;

#elif defined(__AVX2__)

template <Test t>
STEEPEST_INLINE uint64_t test_some(const float* x, float to) {
    const __m256 result = _mm256_cmp_ps(_mm256_load_ps(x), _mm256_set1_ps(to), predicate(t));
    return static_cast<uint32_t>(_mm256_movemask_ps(result));
}
template <Test t>
STEEPEST_INLINE uint64_t test_some(const double* x, double to) {
    const __m256d result = _mm256_cmp_pd(_mm256_load_pd(x), _mm256_set1_pd(to), predicate(t));
    return static_cast<uint32_t>(_mm256_movemask_pd(result));
}
inline constexpr int kTestBytes = 32;

#elif defined(__SSE2__)

template <Test t>
STEEPEST_INLINE uint64_t test_some(const float* values, float to) {
    const __m128 x = _mm_load_ps(values), other = _mm_set1_ps(to);
    const __m128 result = t == Test::at_least ? _mm_cmpge_ps(x, other)
                          : t == Test::above  ? _mm_cmpgt_ps(x, other)
                          : t == Test::below  ? _mm_cmplt_ps(x, other)
                                              : _mm_cmpunord_ps(x, x);
    return static_cast<uint32_t>(_mm_movemask_ps(result));
}
template <Test t>
STEEPEST_INLINE uint64_t test_some(const double* values, double to) {
    const __m128d x = _mm_load_pd(values), other = _mm_set1_pd(to);
    const __m128d result = t == Test::at_least ? _mm_cmpge_pd(x, other)
                           : t == Test::above  ? _mm_cmpgt_pd(x, other)
                           : t == Test::below  ? _mm_cmplt_pd(x, other)
                                               : _mm_cmpunord_pd(x, x);
    return static_cast<uint32_t>(_mm_movemask_pd(result));
}
inline constexpr int kTestBytes = 16;

#else

template <Test t, class T>
STEEPEST_INLINE uint64_t test_some(const T* values, T to) {
    const T x = *values;
    return t == Test::at_least ? x >= to
           : t == Test::above  ? x > to
           : t == Test::below  ? x < to
                               : x != x;
}
inline constexpr int kTestBytes = 0;

#endif

// Bit i tells whether the test holds for x[i], of 64, and a number; x is aligned to 64 bytes.
template <Test t, class T>
STEEPEST_INLINE uint64_t test_bits(const T* x, T to = 0) {
    constexpr int kStep = kTestBytes ? kTestBytes / static_cast<int>(sizeof(T)) : 1;
    uint64_t word = 0;
    for (int i = 0; i < 64; i += kStep) word |= test_some<t>(x + i, to) << i;
    return word;
}

}  // namespace distributed_kernels
}  // namespace STEEPEST_TARGET
}  // namespace steepest
