// The loops over elements of the norm report. Included once by each file in targets/, which sets
// the target and its flags.
//
// Per element: the magnitude, its place in the largest, its square, and three sums in double. Rows
// are walked in strips of neighbouring columns, every kLanes of them, whose lanes stay in
// registers. Memory is asked for meanwhile in its own order.
#pragma once

#include "norms/kernel_table.h"
#include "norms/packing.h"
#include "polar/widen.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace reports {

using norms::kGroup;
using norms::RowLanes;
using products::add_product;
using products::kWide;
using products::load;
using products::store;
using products::Vector;
using products::Wide;
using products::widen;

// Vectors of doubles across a strip, of all its rows: as many as registers hold the lanes of.
inline constexpr int kStrip = 4;

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

template <class T>
using Bits = Vector<typename BitsOf<T>::type>;

// Of the magnitudes, which are in the order of these numbers.
template <class T>
STEEPEST_INLINE Bits<T> magnitude_bits(Vector<T> x) {
    using Bit = typename BitsOf<T>::type;
    return __builtin_bit_cast(Bits<T>, x) & static_cast<Bit>(~(Bit{1} << (8 * sizeof(Bit) - 1)));
}

template <class T>
STEEPEST_INLINE Vector<T> magnitude(Vector<T> x) {
    return __builtin_bit_cast(Vector<T>, magnitude_bits<T>(x));
}

// For the second-level cache: it has more reads of memory under way at a time than the first.
template <int Elements, class T>
STEEPEST_INLINE void ask_for(const T*& next) {
#pragma GCC unroll 4
    for (int i = 0; i < Elements; i += 64 / sizeof(T)) __builtin_prefetch(next + i, 0, 2);
    next += Elements;
}

// As integers where every processor compares these, which takes one cycle where floats take
// several. A NaN may be the largest then, in a matrix of which NaN is all that is told.
template <class T>
STEEPEST_INLINE Bits<T> larger(Bits<T> a, Bits<T> b) {
    if constexpr (sizeof(T) == sizeof(float))
        return a > b ? a : b;
    else
        return __builtin_bit_cast(Vector<T>, a) > __builtin_bit_cast(Vector<T>, b) ? a : b;
}

template <int Elements, class T>
STEEPEST_INLINE void raise(const T* x, Bits<T>& largest) {
    constexpr int kStep = products::kLanesOf<T>;
#pragma GCC unroll 4
    for (int k = 0; k < Elements; k += kStep)
        largest = larger<T>(magnitude_bits<T>(load(x + k)), largest);
}

// Columns of `Rows` rows, `Vectors` vectors of them every kLanes. Asks for the memory of as many
// elements from `next` on.
template <class T, int Rows, int Vectors>
STEEPEST_INLINE void add_strip(const T* x, int64_t ld, int64_t rounds, bool begins, double* columns,
                               double* lanes, Bits<T>& largest, const T*& next) {
    constexpr int kElements = Vectors * kWide, kRow = sizeof(RowLanes) / sizeof(double);
    Wide squares[Rows][Vectors] = {}, abs[Rows][Vectors] = {};
    const auto each_lane = [&](auto&& visit) __attribute__((always_inline)) {
        double* row = lanes;
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r, row += kRow)
#pragma GCC unroll 4
            for (int k = 0; k < Vectors; ++k) {
                visit(squares[r][k], row + k * kWide);
                visit(abs[r][k], row + kLanes + k * kWide);
            }
    };
    if (!begins)
        each_lane([](Wide& v, double* lane) __attribute__((always_inline)) { v = load(lane); });
    for (; rounds > 0; --rounds, x += kLanes, columns += kLanes) {
        ask_for<Rows * kElements>(next);
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) raise<kElements>(x + r * ld, largest);
#pragma GCC unroll 4
        for (int k = 0; k < Vectors; ++k) {
            Wide column = load(columns + k * kWide);
#pragma GCC unroll 4
            for (int r = 0; r < Rows; ++r) {
                const Wide v = widen(x + r * ld + k * kWide);
                column = add_product<T>(v, v, column);
                squares[r][k] = add_product<T>(v, v, squares[r][k]);
                abs[r][k] += magnitude<double>(v);
            }
            store(columns + k * kWide, column);
        }
    }
    each_lane([](Wide& v, double* lane) __attribute__((always_inline)) { store(lane, v); });
}

template <class T>
STEEPEST_INLINE void add_one(T x, int l, bool begins, RowLanes& lanes, double& column, T& largest) {
    const double v = static_cast<double>(x), a = v < 0 ? -v : v, square = v * v;
    lanes.squares[l] = begins ? square : lanes.squares[l] + square;
    lanes.abs[l] = begins ? a : lanes.abs[l] + a;
    column += square;
    largest = a > static_cast<double>(largest) ? static_cast<T>(a) : largest;
}

template <class T, int Rows>
void add_rows(const T* x, int64_t ld, int64_t n, const norms::Sums& to) {
    constexpr int kVectors = kStrip / Rows, kElements = kVectors * kWide;
    T* found = reinterpret_cast<T*>(to.largest);
    Bits<T> largest = __builtin_bit_cast(Bits<T>, load(found));
    const T* next = static_cast<const T*>(to.next);
    for (int l = 0; l < kLanes && l + kElements <= n; l += kElements) {
        if (Rows > 1 && l % (kLanes / Rows) == 0)
            next = static_cast<const T*>(to.next) + l / (kLanes / Rows) * ld;
        add_strip<T, Rows, kVectors>(x + l, ld, (n - l - kElements) / kLanes + 1, to.begins,
                                     to.columns + l, to.lanes->squares + l, largest, next);
    }
    store(found, __builtin_bit_cast(Vector<T>, largest));
    for (int64_t j = n / kElements * kElements; j < n; ++j)
        for (int r = 0; r < Rows; ++r)
            add_one(x[r * ld + j], static_cast<int>(j % kLanes), to.begins && j < kLanes,
                    to.lanes[r], to.columns[j], *found);
}

template <class T>
void add(const void* from, int64_t ld, int64_t rows, int64_t n, const norms::Sums& to) {
    const T* x = static_cast<const T*>(from);
    if (rows == kGroup) return add_rows<T, kGroup>(x, ld, n, to);
    for (int64_t r = 0; r < rows; ++r)
        add_rows<T, 1>(x + r * ld, ld, n,
                       {to.lanes + r, to.begins, to.columns, to.largest,
                        static_cast<const T*>(to.next) + r * ld});
}

// Lanes l < kWide after all others, of Width, were folded into them. `Apart` are left.
template <int Width, int Apart = kWide>
STEEPEST_INLINE Wide folded(const double* lane) {
    if constexpr (Apart >= Width)
        return load(lane);
    else
        return folded<Width, 2 * Apart>(lane) + folded<Width, 2 * Apart>(lane + Apart);
}

// fold_lanes of n lanes, at most Width. Those behind them are zero, and adding zeros changes no sum
// of magnitudes.
template <int Width>
STEEPEST_INLINE double fold_first(double* lane, int64_t n) {
    if constexpr (Width > kWide)
        if (n <= Width / 2) return fold_first<Width / 2>(lane, n);
    for (int64_t l = n; l < Width; ++l) lane[l] = 0;
    Wide sums = folded<Width>(lane);
    for (int half = kWide / 2; half > 0; half /= 2)
        for (int l = 0; l < half; ++l) sums[l] += sums[l + half];
    return sums[0];
}

inline void fold(RowLanes& lanes, int64_t n, double& squares, double& abs) {
    squares = fold_first<kLanes>(lanes.squares, n);
    abs = fold_first<kLanes>(lanes.abs, n);
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
