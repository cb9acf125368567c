#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/math.h"
#include "core/reduce.h"
#include "polar/elements.h"
#include "polar/normalize.h"

namespace steepest::polar {
namespace {

constexpr int kAbreast = 16;  // lines that are summed together where they lie side by side
constexpr int kAhead = 16;    // elements of a line that are on their way from memory

// One line: its lanes are neighbours.
template <class T>
double along_line(const T* x, int64_t stride, int64_t n, double power,
                  std::vector<double>& block_sums) {
    block_sums.assign(static_cast<size_t>((n + kBlock - 1) / kBlock), 0);
    for (int64_t first = 0, b = 0; first < n; first += kBlock, ++b) {
        double lane[kLanes] = {};
        const int64_t end = std::min(first + kBlock, n);
        for (int64_t i = first; i < end; i += kLanes) {
            const int64_t m = std::min<int64_t>(kLanes, end - i);
            for (int64_t l = 0; l < m; ++l) {
                const double v = decode(x[(i + l) * stride]) * power;
                lane[l] += v * v;
            }
        }
        block_sums[static_cast<size_t>(b)] = fold_lanes(lane);
    }
    return fold_pairs(block_sums.data(), static_cast<int64_t>(block_sums.size()));
}

// Element i of up to kAbreast lines. All of them with neighbours in memory are a loop of their own,
// which the compiler turns into vectors.
template <class T>
void add_squares(const T* x, int64_t line_stride, int count, const double* power,
                 double* __restrict to) {
    const auto add = [&](int k, int64_t at) {
        const double v = decode(x[at]) * power[k];
        to[k] += v * v;
    };
    if (line_stride == 1 && count == kAbreast)
        for (int k = 0; k < kAbreast; ++k) add(k, k);
    else
        for (int k = 0; k < count; ++k) add(k, k * line_stride);
}

// Up to kAbreast lines at once, element by element: the same sums in the same order.
template <class T>
void abreast(const T* x, const Lines& m, int count, const double* power, double* sums) {
    const int64_t n = m.length, blocks = (n + kBlock - 1) / kBlock;
    std::vector<double> block_sums(static_cast<size_t>(std::max<int64_t>(blocks, 1) * kAbreast), 0);
    for (int64_t b = 0; b < blocks; ++b) {
        alignas(64) double lane[kLanes][kAbreast] = {};
        const int64_t end = std::min((b + 1) * kBlock, n);
        for (int64_t i = b * kBlock; i < end; ++i) {
            const T* at = x + i * m.stride;
            // Often in another page, where the processor does not look by itself.
            __builtin_prefetch(x + std::min(i + kAhead, n - 1) * m.stride);
            add_squares(at, m.line_stride, count, power, lane[i % kLanes]);
        }
        for (int half = kLanes / 2; half > 0; half /= 2)
            for (int l = 0; l < half; ++l)
                for (int k = 0; k < kAbreast; ++k) lane[l][k] += lane[l + half][k];
        std::copy_n(lane[0], kAbreast, block_sums.data() + b * kAbreast);
    }
    for (int k = 0; k < count; ++k) sums[k] = fold_pairs(block_sums.data() + k, blocks, kAbreast);
}

// Calls f(line, position) in the order of memory.
template <class F>
void each_element(const Lines& m, int64_t begin, int64_t end, F&& f) {
    if (!m.side_by_side()) {
        for (int64_t line = begin; line < end; ++line)
            for (int64_t i = 0; i < m.length; ++i) f(line, i);
    } else {
        for (int64_t i = 0; i < m.length; ++i)
            for (int64_t line = begin; line < end; ++line) f(line, i);
    }
}

// Elements next to each other of kAbreast lines. All are read before the first is written, which
// may be in the same memory.
template <class T, class F>
void write_run(const T* x, T* out, int64_t line, F&& value) {
    double v[kAbreast];
    for (int k = 0; k < kAbreast; ++k) v[k] = value(line + k, decode(x[k]));
    for (int k = 0; k < kAbreast; ++k) encode(v[k], out[k]);
}

// result = value(line, x) in lines [begin, end).
template <class T, class F>
void write_values(const Lines& m, int64_t begin, int64_t end, F&& value) {
    const auto* x = static_cast<const T*>(m.data);
    auto* out = static_cast<T*>(m.result);
    const auto write = [&](int64_t line, int64_t i) {
        encode(value(line, decode(x[line * m.line_stride + i * m.stride])),
               out[line * m.result_line_stride + i * m.result_stride]);
    };
    const bool runs = m.side_by_side() && m.line_stride == 1 && m.result_line_stride == 1;
    const int64_t last = runs ? begin + (end - begin) / kAbreast * kAbreast : begin;
    for (int64_t i = 0; last > begin && i < m.length; ++i) {
        const T* from = x + i * m.stride;
        __builtin_prefetch(x + std::min(i + kAhead, m.length - 1) * m.stride + begin);
        for (int64_t line = begin; line < last; line += kAbreast)
            write_run(from + line, out + i * m.result_stride + line, line, value);
    }
    each_element(m, last, end, write);
}

}  // namespace

Lines::Lines(const steepest_normalized& n)
    : item(&n),
      data(n.data),
      result(n.result),
      lines(n.rows),
      length(n.cols),
      line_stride(n.row_stride),
      stride(n.col_stride),
      result_line_stride(n.result_row_stride),
      result_stride(n.result_col_stride),
      dtype(static_cast<DType>(n.dtype)) {
    if (n.kind != STEEPEST_COLUMN_NORMS) return;
    std::swap(lines, length);
    std::swap(line_stride, stride);
    std::swap(result_line_stride, result_stride);
}

bool Lines::side_by_side() const { return std::abs(line_stride) < std::abs(stride); }

void sum_squares(const Lines& m, const double* power, int64_t begin, int64_t end, double* sums) {
    with_type(m.dtype, [&](auto* type) {
        const auto* x = static_cast<const std::remove_pointer_t<decltype(type)>*>(m.data);
        std::vector<double> scratch;
        const int64_t step = m.side_by_side() ? kAbreast : 1;
        for (int64_t line = begin; line < end; line += step) {
            const auto* at = x + line * m.line_stride;
            if (m.side_by_side())
                abreast(at, m, static_cast<int>(std::min(step, end - line)), power + line,
                        sums + line);
            else
                sums[line] = along_line(at, m.stride, m.length, power[line], scratch);
        }
    });
}

double largest_magnitude(const Lines& m, int64_t begin, int64_t end) {
    double largest = 0;
    with_type(m.dtype, [&](auto* type) {
        const auto* x = static_cast<const std::remove_pointer_t<decltype(type)>*>(m.data);
        each_element(m, begin, end, [&](int64_t line, int64_t i) {
            const double v = std::abs(decode(x[line * m.line_stride + i * m.stride]));
            if (!(v <= std::numeric_limits<double>::max())) largest = std::nan("");
            if (v > largest) largest = v;
        });
    });
    return largest;
}

void write_lines(const Lines& m, const double* power, const double* factor, int64_t begin,
                 int64_t end) {
    with_type(m.dtype, [&](auto* type) {
        using T = std::remove_pointer_t<decltype(type)>;
        const double scale = m.item->scale;
        if (factor)
            write_values<T>(m, begin, end,
                            [&](int64_t line, double v) { return v * power[line] * factor[line]; });
        else if (m.item->kind == STEEPEST_SIGNS)
            write_values<T>(m, begin, end, [&](int64_t, double v) { return scale * sign(v); });
        else
            write_values<T>(m, begin, end, [&](int64_t, double v) { return scale * v; });
    });
}

}  // namespace steepest::polar
