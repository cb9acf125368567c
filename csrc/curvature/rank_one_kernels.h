// The loops over elements of rank-one updates. Included once by each file in targets/, which sets
// the target and its flags.
#pragma once

#include "core/reduce.h"
#include "curvature/rank_one_table.h"
#include "polar/vectors.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace rank_one {

using curvature::kRowGroup;
using products::load;
using products::store;

using Wide = products::Vector<double>;
inline constexpr int kWide = products::kLanesOf<double>;

// Rounds of kLanes columns over which the lanes stay in registers.
inline constexpr int64_t kRounds = 4;

STEEPEST_INLINE Wide widen(const double* x) { return load(x); }

// The instruction itself: compilers convert the halves of a vector one by one.
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

// sum + a b. The product of two floats is exact in double, so that fusing the two changes no bit.
template <class T>
STEEPEST_INLINE Wide add_product(Wide a, Wide b, Wide sum) {
    if constexpr (sizeof(T) == sizeof(float)) return products::multiply_add(a, b, sum);
    return sum + a * b;
}

// Lanes [l, l + kWide) of some rounds of `Rows` rows.
template <class T, int Rows>
STEEPEST_INLINE void add_lanes(const T* x, int64_t ld, const double* vector, int64_t rounds,
                               double (*lanes)[kLanes], int l) {
    Wide sums[Rows];
#pragma GCC unroll 2
    for (int r = 0; r < Rows; ++r) sums[r] = load(lanes[r] + l);
    for (int64_t j = l; j < rounds * kLanes; j += kLanes) {
        const Wide v = load(vector + j);
#pragma GCC unroll 2
        for (int r = 0; r < Rows; ++r) sums[r] = add_product<T>(widen(x + r * ld + j), v, sums[r]);
    }
#pragma GCC unroll 2
    for (int r = 0; r < Rows; ++r) store(lanes[r] + l, sums[r]);
}

template <class T, int Rows>
STEEPEST_INLINE void dot_rows(const T* x, int64_t ld, const double* vector, int64_t n, double* sums,
                              int64_t stride) {
    alignas(64) double lanes[Rows][kLanes] = {};
    int64_t at = 0;
    for (int64_t rounds; n - at >= kLanes; at += rounds * kLanes) {
        rounds = (n - at) / kLanes < kRounds ? (n - at) / kLanes : kRounds;
        for (int l = 0; l < kLanes; l += kWide)
            add_lanes<T, Rows>(x + at, ld, vector + at, rounds, lanes, l);
    }
    for (int r = 0; r < Rows; ++r) {
        for (int64_t j = at; j < n; ++j)
            lanes[r][j - at] += static_cast<double>(x[r * ld + j]) * vector[j];
        sums[r * stride] = fold_lanes(lanes[r]);
    }
}

template <class T>
void dots(const void* rows, int64_t ld, int64_t count, const double* vector, int64_t n,
          double* sums, int64_t stride) {
    const T* x = static_cast<const T*>(rows);
    if (count == kRowGroup)
        dot_rows<T, kRowGroup>(x, ld, vector, n, sums, stride);
    else
        dot_rows<T, 1>(x, ld, vector, n, sums, stride);
}

template <class T>
struct BitsOf;
template <>
struct BitsOf<float> {
    using type = int32_t;
};
template <>
struct BitsOf<double> {
    using type = int64_t;
};

// Largest magnitudes as bits, signed since those compare faster: none is negative.
template <class T>
class Largest {
  public:
    using Bits = typename BitsOf<T>::type;
    using Vector = products::Vector<T>;
    using VectorOfBits = products::Vector<Bits>;

    STEEPEST_INLINE void add(Vector x) {
        const VectorOfBits m = __builtin_bit_cast(VectorOfBits, x) & kMagnitude;
        each_ = m > each_ ? m : each_;
    }
    STEEPEST_INLINE void add(T x) {
        const Bits m = __builtin_bit_cast(Bits, x) & kMagnitude;
        one_ = m > one_ ? m : one_;
    }
    STEEPEST_INLINE void into(uint64_t* largest) const {
        Bits found = one_;
        for (int k = 0; k < products::kLanesOf<T>; ++k) found = each_[k] > found ? each_[k] : found;
        const auto bits = static_cast<uint64_t>(found);
        *largest = bits > *largest ? bits : *largest;
    }

  private:
    static constexpr Bits kMagnitude =
        static_cast<Bits>(~(static_cast<uint64_t>(1) << (8 * sizeof(T) - 1)));
    VectorOfBits each_ = {};
    Bits one_ = 0;
};

template <class T>
void update(void* row, const curvature::RowUpdate& by, int64_t n, uint64_t* largest) {
    constexpr int kStep = products::kLanesOf<T>;
    T* x = static_cast<T*>(row);
    const T* vector = static_cast<const T*>(by.vector);
    const T scale = static_cast<T>(by.scale), factor = static_cast<T>(by.factor);
    Largest<T> found;
    int64_t j = 0;
    for (; j + kStep <= n; j += kStep) {
        const auto value = load(x + j) * scale + load(vector + j) * factor;
        store(x + j, value);
        found.add(value);
    }
    for (; j < n; ++j) {
        x[j] = x[j] * scale + vector[j] * factor;
        found.add(x[j]);
    }
    found.into(largest);
}

template <class T>
void largest(const void* row, int64_t n, uint64_t* to) {
    constexpr int kStep = products::kLanesOf<T>;
    const T* x = static_cast<const T*>(row);
    Largest<T> found;
    int64_t j = 0;
    for (; j + kStep <= n; j += kStep) found.add(load(x + j));
    for (; j < n; ++j) found.add(x[j]);
    found.into(to);
}

const curvature::RankOneKernels& rank_one_kernels() {
    static constexpr curvature::RankOneKernels kernels = {
        .dots = {dots<float>, dots<double>},
        .update = {update<float>, update<double>},
        .largest = {largest<float>, largest<double>}};
    return kernels;
}

}  // namespace rank_one
}  // namespace STEEPEST_TARGET
}  // namespace steepest
