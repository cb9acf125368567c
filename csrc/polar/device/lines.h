// Rows, columns or whole matrices over their norms on a device: the sums of polar/normalize.h in
// the same tree, and so the same bits as on the CPU.
#pragma once

#include "core/math.h"
#include "core/reduce.h"
#include "polar/device/elements.h"
#include "steepest/steepest.h"
#include "steps/device/lanes.h"
#include "steps/device/locate.h"

namespace steepest::device {

// One matrix as lines, as polar::Lines, with what is known of each line.
struct LinesView {
    const void* data;
    void* result;
    int64_t lines, length;
    int64_t line_stride, stride;
    int64_t result_line_stride, result_stride;
    double scale, eps, beta2;
    void* moments;  // or null
    double* power;  // a power of two that elements are multiplied by first
    double* value;  // the sum of squares, then the factor
    double* tree;   // over the lines; two of them with moments
    int32_t dtype, kind;
    bool has_double_moments;
    bool has_norms, is_shared;  // the latter: a norm is of the matrix
    bool is_abreast;            // neighbours in memory belong to different lines
};

// The arguments of every kernel.
struct LinesPass {
    const LinesView* views;
    const int32_t* first;  // CUDA blocks before each view, count + 1 numbers
    int32_t count;
    bool again;  // sums of matrices that have a power only
};

inline namespace STEEPEST_TARGET {

inline constexpr int kAbreastLines = kWarp;  // that a CUDA block takes side by side
inline constexpr int kLanesOfWarp = kLanes / kWarps;

STEEPEST_HD STEEPEST_INLINE bool has_doubles(const LinesView& v) {
    return v.dtype == static_cast<int32_t>(DType::f64);
}

// As polar/normalize.cpp has it: squares of doubles overflow, and vanish beside nothing larger.
STEEPEST_HD STEEPEST_INLINE bool is_finite(double x) { return x - x == 0; }
STEEPEST_HD STEEPEST_INLINE bool is_trusted(double squares) {
    return squares >= 0x1p-900 && is_finite(squares);
}

// The power of two that brings `largest` near 1; 1 where it is zero or NaN.
STEEPEST_HD STEEPEST_INLINE double power_near(double largest) {
    if (!(largest > 0)) return 1;
    const bool is_small = largest < 0x1p-1000;
    const double x = is_small ? largest * 0x1p54 : largest;
    const int exponent = static_cast<int>(bits_of(x) >> 52) - 1022 - (is_small ? 54 : 0);
    const int k = exponent < -1021 ? 1021 : exponent > 1021 ? -1021 : -exponent;
    return __builtin_bit_cast(double, static_cast<uint64_t>(1023 + k) << 52);
}

// Infinities count as NaN, which passes on.
STEEPEST_HD STEEPEST_INLINE double finite_size(double x) {
    const double size = absolute(x);
    return is_finite(size) ? size : __builtin_nan("");
}

// The elements of a line, f(position), of a type that is known.
template <class F>
STEEPEST_HD STEEPEST_INLINE void with_line(const LinesView& v, int64_t line, F&& f) {
    with_stored(v.dtype, [&](auto* type) {
        f(in_global<std::remove_pointer_t<decltype(type)>>(v.data) + line * v.line_stride);
    });
}

// Whether the pass sums this matrix.
STEEPEST_HD STEEPEST_INLINE bool is_summed(const LinesPass& pass, const LinesView& v) {
    return !pass.again || (v.is_shared && v.power[0] != 1);
}

// ---- A warp on a line: each thread holds the lanes that lie 32 apart.

template <class Stored>
STEEPEST_HD STEEPEST_INLINE void add_squares(const Stored* x, int64_t stride, int64_t first,
                                             int64_t n, double power, int32_t lane,
                                             double (&held)[kHeld]) {
    constexpr int kRows = 2;
    double fetched[kRows * kHeld];
    each_element<kRows>(
        first, n, lane, [&](int k, int64_t i) { fetched[k] = widen(x[i * stride]); },
        [&](int h, int k, int64_t) {
            const double value = fetched[k] * power;
            held[h] += value * value;
        });
}

STEEPEST_HD STEEPEST_INLINE void add_line_block(const LinesView& v, int64_t line, double power,
                                                int64_t block, int32_t lane,
                                                double (&held)[kHeld]) {
    const int64_t first = block * kBlock;
    const int64_t n = v.length - first < kBlock ? v.length - first : kBlock;
    with_line(v, line,
              [&](const auto* x) { add_squares(x, v.stride, first, n, power, lane, held); });
}

STEEPEST_HD STEEPEST_INLINE double largest_of_line(const LinesView& v, int64_t line, int32_t lane,
                                                   int32_t threads) {
    double largest = 0;
    with_line(v, line, [&](const auto* x) {
        for (int64_t i = lane; i < v.length; i += threads)
            largest = maximum(largest, finite_size(widen(x[i * v.stride])));
    });
    return largest;
}

// ---- A CUDA block on lines side by side: each thread holds neighbouring lanes of one line.

STEEPEST_HD STEEPEST_INLINE void add_abreast_block(const LinesView& v, int64_t line, double power,
                                                   int64_t block, int32_t warp,
                                                   double (&held)[kLanesOfWarp]) {
    const int64_t first = block * kBlock;
    const int64_t end = v.length - first < kBlock ? v.length : first + kBlock;
    with_line(v, line, [&](const auto* x) {
        STEEPEST_ROLLED
        for (int64_t row = first + warp * kLanesOfWarp; row < end; row += kLanes) {
            STEEPEST_UNROLL
            for (int k = 0; k < kLanesOfWarp; ++k) {
                if (row + k >= end) continue;
                const double value = widen(x[(row + k) * v.stride]) * power;
                held[k] += value * value;
            }
        }
    });
}

// Lanes of the lines side by side, folded in halves by the threads of a CUDA block: step 3 of the
// tree.
struct AbreastLanes {
    double at[kLanes][kAbreastLines];
};
STEEPEST_HD STEEPEST_INLINE void fold_abreast(AbreastLanes& lanes, int32_t thread, int half) {
    const int32_t line = thread % kAbreastLines;
    for (int32_t l = thread / kAbreastLines; l < half; l += kThreads / kAbreastLines)
        lanes.at[l][line] += lanes.at[l + half][line];
}

// ---- Once all sums are there

// factor (power x) = scale x / (norm + eps); a line of zeros stays, whatever eps is.
STEEPEST_HD STEEPEST_INLINE double factor_of(double squares, double power, const LinesView& v) {
    if (!is_finite(squares)) return __builtin_nan("");
    const double size = steepest::sqrt(squares) + v.eps * power;
    return size == 0 ? 0 : v.scale / size;
}

// The second moment of a row with a new mean square, as it is stored.
STEEPEST_HD STEEPEST_INLINE double averaged(const LinesView& v, int64_t i, double mean) {
    if (v.has_double_moments) {
        double& moment = static_cast<double*>(v.moments)[i];
        moment = v.beta2 * moment + (1 - v.beta2) * mean;
        return moment;
    }
    float& moment = static_cast<float*>(v.moments)[i];
    moment = static_cast<float>(v.beta2 * static_cast<double>(moment) + (1 - v.beta2) * mean);
    return static_cast<double>(moment);
}

// A row over the root of its second moment: its factor, and in the second tree its new square.
STEEPEST_HD STEEPEST_INLINE void follow_moment(const LinesView& v, int64_t i) {
    const double square = v.value[i], power = v.power[0];
    const double mean = square / static_cast<double>(v.length) / power / power;
    const double root = steepest::sqrt(averaged(v, i, mean)) + v.eps;
    v.tree[tree_nodes(v.lines) + i] = root == 0 ? 0 : square / root / root;
    v.value[i] = root == 0 ? 0 : 1 / root / power;
}

// What brings the rows back to the norm of the whole.
STEEPEST_HD STEEPEST_INLINE double restoring(const LinesView& v, double before, double after) {
    return after == 0 ? 0 : v.scale * steepest::sqrt(before / after);
}

STEEPEST_HD STEEPEST_INLINE void copy_leaves(const LinesView& v, int32_t thread) {
    for (int64_t i = thread; i < v.lines; i += kThreads) v.tree[i] = v.value[i];
}
STEEPEST_HD STEEPEST_INLINE void put_powers(const LinesView& v, double power, int32_t thread) {
    for (int64_t i = thread; i < v.lines; i += kThreads) v.power[i] = power;
}
STEEPEST_HD STEEPEST_INLINE void follow_moments(const LinesView& v, int32_t thread) {
    for (int64_t i = thread; i < v.lines; i += kThreads) follow_moment(v, i);
}
STEEPEST_HD STEEPEST_INLINE void multiply_factors(const LinesView& v, double by, int32_t thread) {
    for (int64_t i = thread; i < v.lines; i += kThreads) v.value[i] *= by;
}
// `total` is that of the matrix, and counts where the norm is shared.
STEEPEST_HD STEEPEST_INLINE void find_factors(const LinesView& v, double total, int32_t thread) {
    for (int64_t i = thread; i < v.lines; i += kThreads)
        v.value[i] = factor_of(v.is_shared ? total : v.value[i], v.power[i], v);
}

// ---- Results

STEEPEST_HD STEEPEST_INLINE double line_result(const LinesView& v, int64_t line, double x) {
    if (v.has_norms) return x * v.power[line] * v.value[line];
    return v.kind == STEEPEST_SIGNS ? v.scale * sign(x) : v.scale * x;
}

// A tile of the matrix with the lines as rows.
STEEPEST_HD STEEPEST_INLINE PolarTile lines_tile(const LinesView& v, int64_t block) {
    Batch shape{};
    shape.matrix.rows = v.lines;
    shape.matrix.cols = v.length;
    return {shape, block};
}

STEEPEST_HD STEEPEST_INLINE void write_tile(const LinesView& v, const PolarTile& t,
                                            int32_t thread) {
    with_stored(v.dtype, [&](auto* type) {
        using Stored = std::remove_pointer_t<decltype(type)>;
        const auto* x = in_global<Stored>(v.data) + t.row * v.line_stride + t.col * v.stride;
        auto* out =
            in_global<Stored>(v.result) + t.row * v.result_line_stride + t.col * v.result_stride;
        t.each(thread, !v.is_abreast, [&](int32_t i, int32_t j) {
            const double value = widen(x[i * v.line_stride + j * v.stride]);
            put(line_result(v, t.row + i, value),
                out[i * v.result_line_stride + j * v.result_stride]);
        });
    });
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
