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
using products::store;
using products::Wide;
using products::widen;

// Elements in a cache line.
template <class T>
inline constexpr int kLine = 64 / sizeof(T);

// Columns of a cache line, of `Count` rows; `lanes` are those of the first row.
template <class T, int Count>
STEEPEST_INLINE void add_lines(const T* x, int64_t ld, const double* vector, double* lanes) {
#pragma GCC unroll 4
    for (int r = 0; r < Count; ++r)
#pragma GCC unroll 8
        for (int k = 0; k < kLine<T>; k += kWide) {
            double* to = lanes + r * kLanes + k;
            store(to, add_product<T>(widen(x + r * ld + k), load(vector + k), load(to)));
        }
}

// One loop over columns, line by line: compilers interleave the rounds of two nested ones, and the
// lines are then asked for in an order that memory is slow in.
template <class T, int Count>
void dot_rows(const T* x, const Rows& rows, const double* vector, double* sums, int64_t stride) {
    alignas(64) double lanes[Count * kLanes] = {};
    int64_t j = 0;
    for (; j + kLine<T> <= rows.n; j += kLine<T>)
        add_lines<T, Count>(x + j, rows.ld, vector + j, lanes + j % kLanes);
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

template <class T, int Count>
void update_rows(T* x, const Rows& rows, const T* factors, const RowUpdate& by, Largest<T>& found) {
    constexpr int64_t kStep = products::kLanesOf<T>;
    const T* vector = static_cast<const T*>(by.vector);
    const T scale = static_cast<T>(by.scale);
    int64_t j = 0;
    for (; j + kStep <= rows.n; j += kStep) {
        const auto v = load(vector + j);
#pragma GCC unroll 4
        for (int r = 0; r < Count; ++r) {
            const auto value = load(x + r * rows.ld + j) * scale + v * factors[r];
            store(x + r * rows.ld + j, value);
            found.add(value);
        }
    }
    for (; j < rows.n; ++j)
        for (int r = 0; r < Count; ++r) {
            T& element = x[r * rows.ld + j];
            element = element * scale + vector[j] * factors[r];
            found.add(element);
        }
}

template <class T>
void update(const Rows& rows, const RowUpdate& by, uint64_t* largest) {
    T* x = static_cast<T*>(rows.data);
    const T* factors = static_cast<const T*>(by.factors);
    Largest<T> found;
    if (rows.count == kRowGroup)
        update_rows<T, kRowGroup>(x, rows, factors, by, found);
    else
        for (int64_t r = 0; r < rows.count; ++r)
            update_rows<T, 1>(x + r * rows.ld, rows, factors + r, by, found);
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
