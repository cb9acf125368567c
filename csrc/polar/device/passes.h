// Elementwise passes of the iterations on a device, as polar/rescale.h has them on the CPU.
#pragma once

#include "core/math.h"
#include "polar/device/elements.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// to = from + value I
template <class T>
STEEPEST_HD STEEPEST_INLINE void copy_plus(const PolarPass& pass, const PolarTile& t,
                                           int32_t thread) {
    const T* from = element<T>(pass.from, t.matrix, t.row, t.col);
    T* to = element<T>(pass.to, t.matrix, t.row, t.col);
    t.each(thread, true, [&](int32_t i, int32_t j) {
        T x = from[i * pass.from.matrix.ld + j];
        if (t.row + i == t.col + j) put(widen(x) + pass.value, x);
        to[i * pass.to.matrix.ld + j] = x;
    });
}

// x to about twice the bits of a half, from float.
template <class Half>
STEEPEST_HD STEEPEST_INLINE void split_half(float x, uint16_t& high, uint16_t& low) {
    high = Half::nearest(x);
    low = Half::nearest(x - Half::decode(high));
}

// from = to + low.
template <class Half>
STEEPEST_HD STEEPEST_INLINE void split(const PolarPass& pass, const PolarTile& t, int32_t thread) {
    const float* from = element<float>(pass.from, t.matrix, t.row, t.col);
    uint16_t* high = element<uint16_t>(pass.to, t.matrix, t.row, t.col);
    uint16_t* low = element<uint16_t>(pass.low, t.matrix, t.row, t.col);
    t.each(thread, true, [&](int32_t i, int32_t j) {
        split_half<Half>(from[i * pass.from.matrix.ld + j], high[i * pass.to.matrix.ld + j],
                         low[i * pass.low.matrix.ld + j]);
    });
}

// What a thread of a warp sums of a row of `from`: squares, or magnitudes.
template <class T>
STEEPEST_HD STEEPEST_INLINE double line_sum(const PolarPass& pass, int64_t line, int32_t lane) {
    const Batch& b = pass.from;
    const T* x = element<T>(b, line / b.matrix.rows, line % b.matrix.rows, 0);
    double sum = 0;
    for (int64_t j = lane; j < b.matrix.cols; j += kWarp) {
        const double value = widen(x[j]);
        sum += pass.is_set ? value * value : absolute(value);
    }
    return sum;
}

STEEPEST_HD STEEPEST_INLINE int64_t lines_of(const Batch& b) { return b.count * b.matrix.rows; }

STEEPEST_HD STEEPEST_INLINE double inverse_root(double x) {
    return x == 0 ? 0 : 1 / steepest::sqrt(x);
}

// The rows of a matrix that a thread adds up.
STEEPEST_HD STEEPEST_INLINE double matrix_lines(const PolarPass& pass, int64_t matrix,
                                                int32_t thread) {
    const int64_t rows = pass.from.matrix.rows;
    double sum = 0;
    for (int64_t i = thread; i < rows; i += kThreads) sum += pass.lines[matrix * rows + i];
    return sum;
}

// Sums of rows become what the rows are multiplied by: one over the root of their own sum, or,
// where they are of squares, over the fourth root of `total`, that of the matrix.
STEEPEST_HD STEEPEST_INLINE void put_factors(const PolarPass& pass, int64_t matrix, int32_t thread,
                                             double total) {
    const int64_t rows = pass.from.matrix.rows;
    const double whole = inverse_root(steepest::sqrt(total)) / pass.value;
    for (int64_t i = thread; i < rows; i += kThreads) {
        double& line = pass.lines[matrix * rows + i];
        line = pass.is_set ? whole : inverse_root(line) / pass.value;
    }
}

// Multiplies the rows of `to` by their factors, and the columns too where it is a Gram matrix.
template <class T>
STEEPEST_HD STEEPEST_INLINE void multiply_lines(const PolarPass& pass, const PolarTile& t,
                                                int32_t thread) {
    const double* factor = pass.lines + t.matrix * pass.to.matrix.rows;
    T* x = element<T>(pass.to, t.matrix, t.row, t.col);
    t.each(thread, true, [&](int32_t i, int32_t j) {
        T& value = x[i * pass.to.matrix.ld + j];
        const double by = factor[t.row + i];
        put(widen(value) * (pass.is_set ? by * factor[t.col + j] : by), value);
    });
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
