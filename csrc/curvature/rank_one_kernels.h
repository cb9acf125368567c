// The loops over elements of rank-one updates. Included once by each file in targets/, which sets
// the target and its flags.
#pragma once

#include "core/reduce.h"
#include "curvature/rank_one_table.h"
#include "polar/widen.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace rank_one {

using curvature::kRowGroup;
using curvature::Rows;
using curvature::RowUpdate;
using products::add_product;
using products::kWide;
using products::load;
using products::load_some;
using products::store;
using products::store_some;
using products::Wide;
using products::widen;

// Elements in a cache line.
template <class T>
inline constexpr int kLine = 64 / sizeof(T);

// Asks for the line of an element of the next tile, as far as the second cache: it would drive the
// vector out of the first.
template <class T>
STEEPEST_INLINE void ask_for(const T* x, int64_t next) {
    constexpr int kSecondCache = 2;
    const auto at = reinterpret_cast<uintptr_t>(x) + static_cast<uintptr_t>(next) * sizeof(T);
    __builtin_prefetch(reinterpret_cast<const void*>(at), 0, kSecondCache);
}

// Columns of a cache line, of `Count` rows from x on; `lanes` are those of the first row.
template <class T, int Count>
STEEPEST_INLINE void add_lines(const T* x, const Rows& rows, const double* vector, double* lanes) {
#pragma GCC unroll 4
    for (int r = 0; r < Count; ++r) {
        ask_for(x + r * rows.ld, rows.next);
#pragma GCC unroll 8
        for (int k = 0; k < kLine<T>; k += kWide) {
            double* to = lanes + r * kLanes + k;
            store(to, add_product<T>(widen(x + r * rows.ld + k), load(vector + k), load(to)));
        }
    }
}

// One loop over columns, line by line: compilers interleave the rounds of two nested ones, and the
// lines are then asked for in an order that memory is slow in.
template <class T, int Count>
void dot_rows(const T* x, const Rows& rows, const double* vector, double* sums, int64_t stride) {
    alignas(64) double lanes[Count * kLanes] = {};
    int64_t j = 0;
    for (; j + kLine<T> <= rows.n; j += kLine<T>)
        add_lines<T, Count>(x + j, rows, vector + j, lanes + j % kLanes);
    for (; j < rows.n; ++j)
        for (int r = 0; r < Count; ++r)
            lanes[r * kLanes + j % kLanes] += static_cast<double>(x[r * rows.ld + j]) * vector[j];
    for (int r = 0; r < Count; ++r) sums[r * stride] = fold_lanes(lanes + r * kLanes);
}

template <class T>
void dots(const Rows& rows, const double* vector, double* sums, int64_t stride) {
    const T* x = static_cast<const T*>(rows.data);
    if (rows.count == kRowGroup) return dot_rows<T, kRowGroup>(x, rows, vector, sums, stride);
    for (int64_t r = 0; r < rows.count; ++r)
        dot_rows<T, 1>(x + r * rows.ld, rows, vector, sums + r * stride, stride);
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
    STEEPEST_INLINE void into(uint64_t* largest) const {
        Bits found = 0;
        for (int k = 0; k < products::kLanesOf<T>; ++k) found = each_[k] > found ? each_[k] : found;
        const auto bits = static_cast<uint64_t>(found);
        *largest = bits > *largest ? bits : *largest;
    }

  private:
    static constexpr Bits kMagnitude =
        static_cast<Bits>(~(static_cast<uint64_t>(1) << (8 * sizeof(T) - 1)));
    VectorOfBits each_ = {};
};

// The update of a tile of `Count` rows. Everything is a copy, which registers hold: compilers have
// to take it that a store to the matrix may change what stands in memory.
template <class T, int Count>
class TileUpdate {
  public:
    STEEPEST_INLINE TileUpdate(T* x, const Rows& rows, const T* factors, const RowUpdate& by)
        : x_(x),
          ld_(rows.ld),
          next_(rows.next),
          vector_(static_cast<const T*>(by.vector)),
          scale_(static_cast<T>(by.scale)),
          identity_(static_cast<T>(by.identity)),
          diagonal_(by.diagonal) {
        __builtin_memcpy(factors_, factors, sizeof factors_);
    }

    // Columns [begin, end), whole lines without diagonal elements.
    STEEPEST_INLINE void lines(int64_t begin, int64_t end) {
        for (int64_t j = begin; j < end; j += kLine<T>)
#pragma GCC unroll 4
            for (int k = 0; k < kLine<T>; k += kStep) {
                const auto v = load(vector_ + j + k);
#pragma GCC unroll 4
                for (int r = 0; r < Count; ++r) {
                    T* to = x_ + r * ld_ + j + k;
                    if (k == 0) ask_for(to, next_);
                    const auto value = load(to) * scale_ + v * factors_[r];
                    store(to, value);
                    found_.add(value);
                }
            }
    }

    // Any columns.
    STEEPEST_INLINE void columns(int64_t begin, int64_t end) {
        for (int64_t j = begin; j < end; j += kStep) {
            const int64_t n = end - j;
            const auto v = load_some(vector_ + j, n);
            for (int r = 0; r < Count; ++r) {
                T* to = x_ + r * ld_ + j;
                ask_for(to, next_);
                auto value = load_some(to, n) * scale_ + v * factors_[r];
                const int64_t at = diagonal_ + r - j;
                if (at >= 0 && at < kStep) value[at] += identity_;
                store_some(to, value, n);
                found_.add(load_some(to, n));  // only what is of the matrix
            }
        }
    }

    STEEPEST_INLINE void into(uint64_t* largest) const { found_.into(largest); }

  private:
    static constexpr int kStep = products::kLanesOf<T>;
    T* x_;
    int64_t ld_, next_;
    const T* vector_;
    T scale_, identity_, factors_[Count];
    int64_t diagonal_;
    Largest<T> found_;
};

// j as the end of some lines of n elements.
template <class T>
STEEPEST_INLINE int64_t lines_up_to(int64_t j, int64_t n) {
    const int64_t within = j < 0 ? 0 : j < n ? j : n;
    return within / kLine<T> * kLine<T>;
}

template <class T, int Count>
void update_rows(T* x, const Rows& rows, const T* factors, const RowUpdate& by, uint64_t* largest) {
    TileUpdate<T, Count> update(x, rows, factors, by);
    const int64_t before = lines_up_to<T>(by.diagonal, rows.n);
    const int64_t behind = lines_up_to<T>(by.diagonal + Count + kLine<T> - 1, rows.n);
    const int64_t last = lines_up_to<T>(rows.n, rows.n);
    update.lines(0, before);
    update.columns(before, behind);
    update.lines(behind, last);
    update.columns(last, rows.n);
    update.into(largest);
}

template <class T>
void update(const Rows& rows, const RowUpdate& by, uint64_t* largest) {
    T* x = static_cast<T*>(rows.data);
    const T* factors = static_cast<const T*>(by.factors);
    if (rows.count == kRowGroup) return update_rows<T, kRowGroup>(x, rows, factors, by, largest);
    RowUpdate of_row = by;
    for (int64_t r = 0; r < rows.count; ++r, ++of_row.diagonal)
        update_rows<T, 1>(x + r * rows.ld, rows, factors + r, of_row, largest);
}

template <class T>
void largest(const void* row, int64_t n, uint64_t* to) {
    constexpr int kStep = products::kLanesOf<T>;
    const T* x = static_cast<const T*>(row);
    Largest<T> found;
    for (int64_t j = 0; j < n; j += kStep) found.add(load_some(x + j, n - j));
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
