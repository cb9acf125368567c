// The loops over elements of the norm report. Included once by each file in targets/, which sets
// the target and its flags.
//
// Per element: the magnitude, its place in the largest, its square, and three sums in double. The
// lanes of a row stay in registers over kRounds rounds, the sum of a column over kGroup rows.
#pragma once

#include "norms/kernel_table.h"
#include "norms/packing.h"
#include "polar/vectors.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace reports {

using norms::kGroup;
using norms::RowLanes;
using products::load;
using products::store;
using products::VectorOf;

using Wide = products::Vector<double>;
inline constexpr int kWide = products::kLanesOf<double>;
// As many T.
template <class T>
using Narrow = typename VectorOf<T, kWide>::type;

// Rounds of kLanes columns: few enough that the lines of kGroup rows, kLanes apart, stay in the
// first-level cache until all their elements were used, and that they are asked for in order
// (measured on Zen 3, with kGroup: larger ones of both are slower from memory).
inline constexpr int64_t kRounds = 3;

template <class T>
struct BitsOf;
template <>
struct BitsOf<float> {
    using type = uint32_t;
};
template <>
struct BitsOf<double> {
    using type = uint64_t;
};

template <class T>
STEEPEST_INLINE Narrow<T> magnitude(Narrow<T> x) {
    using Bits = typename BitsOf<T>::type;
    const auto bits = __builtin_bit_cast(Narrow<Bits>, x) & (static_cast<Bits>(-1) >> 1);
    return __builtin_bit_cast(Narrow<T>, bits);
}

STEEPEST_INLINE Wide widen(Narrow<double> x) { return x; }

// The instruction itself: compilers convert the halves of a vector one by one.
STEEPEST_INLINE Wide widen(Narrow<float> x) {
#if defined(__AVX512F__)
    return _mm512_maskz_cvtps_pd(0xFF, x);  // GCC warns of the one without a mask
#elif defined(__AVX2__)
    return _mm256_cvtps_pd(x);
#elif defined(__SSE2__)
    return _mm_cvtps_pd(_mm_castsi128_ps(_mm_cvtsi64_si128(__builtin_bit_cast(int64_t, x))));
#else
    return __builtin_convertvector(x, Wide);
#endif
}

// sum + v^2. The square of a float is exact in double, so that fusing the two changes no bit.
template <class T>
STEEPEST_INLINE Wide add_square(Wide v, Wide sum) {
    if constexpr (sizeof(T) == sizeof(float)) return products::multiply_add(v, v, sum);
    return sum + v * v;
}

// Sums that the rows of a group share, their largest elements in two chains.
template <class T>
struct Shared {
    double* columns;
    Narrow<T> largest[2];
};

// Columns l, l + kLanes, ... of `Rows` rows. Asks for the same columns of the next rows.
template <class T, int Rows>
STEEPEST_INLINE void add_lanes(const T* x, int64_t ld, int64_t rounds, int l, bool begins,
                               RowLanes* lanes, Shared<T>& to) {
    constexpr int kLine = 64 / sizeof(T);
    Wide squares[Rows] = {}, abs[Rows] = {};
    if (!begins)
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) {
            squares[r] = load(lanes[r].squares + l);
            abs[r] = load(lanes[r].abs + l);
        }
    for (int64_t j = l; j < rounds * kLanes; j += kLanes) {
        Wide column = load(to.columns + j);
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) {
            const T* at = x + r * ld + j;
            if (l % kLine == 0) __builtin_prefetch(at + Rows * ld, 0, 3);
            const Narrow<T> a = magnitude<T>(load<T, kWide>(at));
            Narrow<T>& largest = to.largest[r % 2];
            largest = a > largest ? a : largest;
            const Wide v = widen(a);
            squares[r] = add_square<T>(v, squares[r]);
            column = add_square<T>(v, column);
            abs[r] += v;
        }
        store(to.columns + j, column);
    }
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
        store(lanes[r].squares + l, squares[r]);
        store(lanes[r].abs + l, abs[r]);
    }
}

template <class T>
STEEPEST_INLINE void add_one(T x, int l, bool begins, RowLanes& lanes, double& column,
                             double& largest) {
    const double v = static_cast<double>(x), a = v < 0 ? -v : v, square = v * v;
    lanes.squares[l] = begins ? square : lanes.squares[l] + square;
    lanes.abs[l] = begins ? a : lanes.abs[l] + a;
    column += square;
    largest = a > largest ? a : largest;
}

template <class T, int Rows>
void add_rows(const T* x, int64_t ld, int64_t n, const norms::Sums& sums) {
    Shared<T> to = {sums.columns, {}};
    bool begins = sums.begins;
    for (int64_t rounds; n >= kLanes; n -= rounds * kLanes) {
        rounds = n / kLanes < kRounds ? n / kLanes : kRounds;
        for (int l = 0; l < kLanes; l += kWide)
            add_lanes<T, Rows>(x, ld, rounds, l, begins, sums.lanes, to);
        x += rounds * kLanes;
        to.columns += rounds * kLanes;
        begins = false;
    }
    int l = 0;
    for (; l + kWide <= n; l += kWide) add_lanes<T, Rows>(x, ld, 1, l, begins, sums.lanes, to);
    for (; l < n; ++l)
        for (int r = 0; r < Rows; ++r)
            add_one(x[r * ld + l], l, begins, sums.lanes[r], to.columns[l], *sums.largest);
    for (int k = 0; k < kWide; ++k)
        for (const Narrow<T>& of : to.largest)
            *sums.largest = of[k] > *sums.largest ? static_cast<double>(of[k]) : *sums.largest;
}

template <class T>
void add(const void* from, int64_t ld, int64_t rows, int64_t n, const norms::Sums& to) {
    const T* x = static_cast<const T*>(from);
    if (rows == kGroup) return add_rows<T, kGroup>(x, ld, n, to);
    for (int64_t r = 0; r < rows; ++r)
        add_rows<T, 1>(x + r * ld, ld, n, {to.lanes + r, to.begins, to.columns, to.largest});
}

// The sums of neighbours that are `Half` lanes apart, down to one lane.
template <int Half>
STEEPEST_INLINE double fold_halves(double* lane) {
    if constexpr (Half == 0) {
        return lane[0];
    } else {
        constexpr int step = Half < kWide ? 1 : kWide;
#pragma GCC unroll 4
        for (int l = 0; l < Half; l += step)
            if constexpr (step == 1)
                lane[l] += lane[l + Half];
            else
                store(lane + l, load(lane + l) + load(lane + l + Half));
        return fold_halves<Half / 2>(lane);
    }
}

// fold_lanes of n lanes. Those behind them are zero, and adding zeros changes no sum of magnitudes.
STEEPEST_INLINE double fold_first(double* lane, int64_t n) {
    if (n >= kLanes) return fold_halves<kLanes / 2>(lane);
    int width = 1;
    while (width < n) width *= 2;
    for (int64_t l = n; l < width; ++l) lane[l] = 0;
    for (int half = width / 2; half > 0; half /= 2)
        for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
    return lane[0];
}

inline void fold(RowLanes* lanes, int64_t rows, int64_t n, int64_t stride, double* squares,
                 double* abs) {
    for (int64_t i = 0; i < rows; ++i) {
        squares[i * stride] = fold_first(lanes[i].squares, n);
        abs[i * stride] = fold_first(lanes[i].abs, n);
    }
}

const norms::ReportKernels& report_kernels() {
    static constexpr norms::ReportKernels kernels = {
        .add = {add<float>, add<double>},
        .pack = {pack<Plain<float>>, pack<Plain<double>>, pack<Half<Bf16>>, pack<Half<F16>>},
        .fold = fold};
    return kernels;
}

}  // namespace reports
}  // namespace STEEPEST_TARGET
}  // namespace steepest
