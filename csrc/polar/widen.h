// Floats taken as doubles, a vector of doubles at a time, for sums that lose nothing of them.
#pragma once

#include "polar/vectors.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace products {

using Wide = Vector<double>;
inline constexpr int kWide = kLanesOf<double>;

STEEPEST_INLINE Wide widen(const double* x) { return load(x); }

// The instruction itself, from memory, where it is cheapest: compilers convert the halves of a
// vector one by one.
STEEPEST_INLINE Wide widen(const float* x) {
    const auto v = load<float, kWide>(x);
#if defined(__AVX512F__)
    return _mm512_maskz_cvtps_pd(0xFF, v);  // GCC warns of the one without a mask
#elif defined(__AVX2__)
    return _mm256_cvtps_pd(v);
#elif defined(__SSE2__)
    return _mm_cvtps_pd(_mm_castsi128_ps(_mm_cvtsi64_si128(__builtin_bit_cast(int64_t, v))));
#else
    return __builtin_convertvector(v, Wide);
#endif
}

// sum + a b of elements of type T. The product of two floats is exact in double, so that fusing the
// two changes no bit.
template <class T>
STEEPEST_INLINE Wide add_product(Wide a, Wide b, Wide sum) {
    if constexpr (sizeof(T) == sizeof(float)) return multiply_add(a, b, sum);
    return sum + a * b;
}

}  // namespace products
}  // namespace STEEPEST_TARGET
}  // namespace steepest
