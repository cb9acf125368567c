// Comparisons of 64 numbers with zero as the bits of a word, by the instruction that each target
// has for it: compilers do not find it.
#pragma once

#include <cstdint>

#include "core/target.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace distributed_kernels {

enum class Test { at_least_zero, positive, negative, nan };

#if defined(__AVX512F__) || defined(__AVX2__)
constexpr int predicate(Test t) {
    return t == Test::at_least_zero ? _CMP_GE_OQ
           : t == Test::positive    ? _CMP_GT_OQ
           : t == Test::negative    ? _CMP_LT_OQ
                                    : _CMP_UNORD_Q;
}
#endif

#if defined(__AVX512F__)

template <Test t>
STEEPEST_INLINE uint64_t test_some(const float* x) {
    return _mm512_cmp_ps_mask(_mm512_load_ps(x), _mm512_setzero_ps(), predicate(t));
}
template <Test t>
STEEPEST_INLINE uint64_t test_some(const double* x) {
    return _mm512_cmp_pd_mask(_mm512_load_pd(x), _mm512_setzero_pd(), predicate(t));
}
inline constexpr int kTestBytes = 64;

#elif defined(__AVX2__)

template <Test t>
STEEPEST_INLINE uint64_t test_some(const float* x) {
    const __m256 result = _mm256_cmp_ps(_mm256_load_ps(x), _mm256_setzero_ps(), predicate(t));
    return static_cast<uint32_t>(_mm256_movemask_ps(result));
}
template <Test t>
STEEPEST_INLINE uint64_t test_some(const double* x) {
    const __m256d result = _mm256_cmp_pd(_mm256_load_pd(x), _mm256_setzero_pd(), predicate(t));
    return static_cast<uint32_t>(_mm256_movemask_pd(result));
}
inline constexpr int kTestBytes = 32;

#elif defined(__SSE2__)

template <Test t>
STEEPEST_INLINE uint64_t test_some(const float* values) {
    const __m128 x = _mm_load_ps(values), zero = _mm_setzero_ps();
    const __m128 result = t == Test::at_least_zero ? _mm_cmpge_ps(x, zero)
                          : t == Test::positive    ? _mm_cmpgt_ps(x, zero)
                          : t == Test::negative    ? _mm_cmplt_ps(x, zero)
                                                   : _mm_cmpunord_ps(x, x);
    return static_cast<uint32_t>(_mm_movemask_ps(result));
}
template <Test t>
STEEPEST_INLINE uint64_t test_some(const double* values) {
    const __m128d x = _mm_load_pd(values), zero = _mm_setzero_pd();
    const __m128d result = t == Test::at_least_zero ? _mm_cmpge_pd(x, zero)
                           : t == Test::positive    ? _mm_cmpgt_pd(x, zero)
                           : t == Test::negative    ? _mm_cmplt_pd(x, zero)
                                                    : _mm_cmpunord_pd(x, x);
    return static_cast<uint32_t>(_mm_movemask_pd(result));
}
inline constexpr int kTestBytes = 16;

#else

template <Test t, class T>
STEEPEST_INLINE uint64_t test_some(const T* values) {
    const T x = *values;
    return t == Test::at_least_zero ? x >= 0
           : t == Test::positive    ? x > 0
           : t == Test::negative    ? x < 0
                                    : x != x;
}
inline constexpr int kTestBytes = 0;

#endif

// Bit i tells whether the test holds for x[i], of 64; x is aligned to 64 bytes.
template <Test t, class T>
STEEPEST_INLINE uint64_t test_bits(const T* x) {
    constexpr int kStep = kTestBytes ? kTestBytes / static_cast<int>(sizeof(T)) : 1;
    uint64_t word = 0;
    for (int i = 0; i < 64; i += kStep) word |= test_some<t>(x + i) << i;
    return word;
}

}  // namespace distributed_kernels
}  // namespace STEEPEST_TARGET
}  // namespace steepest
