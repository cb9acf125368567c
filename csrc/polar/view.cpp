#include "polar/view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "core/parallel.h"
#include "polar/elements.h"

namespace steepest::polar {
namespace {

constexpr int64_t kSide = 32;  // of the blocks in which a transposed matrix is walked

DType storage_of(Type t) {
    return t == Type::f64 ? DType::f64 : t == Type::f32 ? DType::f32 : DType::bf16;
}

// Calls f(begin, end) for runs of lines, on several threads where it pays.
template <class F>
void each_line(int64_t lines, int64_t length, F&& f) {
    const int threads = threads_for(lines * length);
    const int parts = static_cast<int>(std::clamp<int64_t>(lines / kSide, 1, 4 * threads));
    parallel(threads, threads == 1 ? 1 : parts,
             [&](int part, int n) { f(lines * part / n, lines * (part + 1) / n); });
}

// Calls f(row, begin, end) for runs of columns that make up all positions, in blocks where the
// strides run against each other.
template <class F>
void each_run(int64_t rows, int64_t cols, bool along_rows, F&& f) {
    each_line(rows, cols, [&](int64_t begin, int64_t end) {
        const int64_t height = along_rows ? 1 : kSide;
        const int64_t width = along_rows ? cols : kSide;
        for (int64_t i0 = begin; i0 < end; i0 += height)
            for (int64_t j0 = 0; j0 < cols; j0 += width)
                for (int64_t i = i0; i < std::min(i0 + height, end); ++i)
                    f(i, j0, std::min(j0 + width, cols));
    });
}

// Calls f with a stride, as a constant where it is 1, so that the compiler makes vectors of a loop
// over neighbours.
template <class F>
auto with_stride(int64_t stride, F&& f) {
    return stride == 1 ? f(std::integral_constant<int64_t, 1>()) : f(stride);
}

constexpr std::integral_constant<int64_t, 1> one;

// to_j = f(from_j) for j in [begin, end).
template <class From, class FromStride, class To, class ToStride, class F>
void convert(const From* from, FromStride from_stride, To* to, ToStride to_stride, int64_t begin,
             int64_t end, F&& f) {
    for (int64_t j = begin; j < end; ++j)
        encode(f(decode(from[j * from_stride])), to[j * to_stride]);
}

// Elements in memory order: `inner` of them `inner_stride` apart, `outer` times.
struct Walk {
    int64_t outer, inner, outer_stride, inner_stride;

    explicit Walk(const View& v)
        : outer(v.rows), inner(v.cols), outer_stride(v.row_stride), inner_stride(v.col_stride) {
        if (std::abs(inner_stride) <= std::abs(outer_stride)) return;
        std::swap(outer, inner);
        std::swap(outer_stride, inner_stride);
    }
};

// One double per line, by as many threads as pay.
template <class F>
std::vector<double> line_values(const Walk& w, F&& f) {
    std::vector<double> values(static_cast<size_t>(w.outer));
    each_line(w.outer, w.inner, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i)] = f(i);
    });
    return values;
}

// NaN where an element is no finite number.
template <class T>
double largest_magnitude(const T* x, const Walk& w) {
    double largest = 0;
    const auto lines = line_values(w, [&](int64_t i) {
        double value = 0;
        for (int64_t j = 0; j < w.inner; ++j) {
            const double v = std::abs(decode(x[i * w.outer_stride + j * w.inner_stride]));
            if (!(v <= std::numeric_limits<double>::max())) return std::nan("");
            value = std::max(value, v);
        }
        return value;
    });
    for (const double v : lines)
        largest = v == v && largest == largest ? std::max(largest, v) : NAN;
    return largest;
}

// Sixteen sums side by side, which the compiler can keep in vectors.
template <class T, class Stride>
double line_squares(const T* line, int64_t length, Stride stride, double scale) {
    constexpr int kSums = 16;
    double sum[kSums] = {};
    const auto add = [&](int k, T x) {
        const double v = decode(x) * scale;
        sum[k] += v * v;
    };
    int64_t j = 0;
    for (; j + kSums <= length; j += kSums)
        for (int k = 0; k < kSums; ++k) add(k, line[(j + k) * stride]);
    for (; j < length; ++j) add(static_cast<int>(j % kSums), line[j * stride]);
    for (int half = kSums / 2; half > 0; half /= 2)
        for (int k = 0; k < half; ++k) sum[k] += sum[k + half];
    return sum[0];
}

// Of each line, then the lines in order.
template <class T>
double sum_of_squares(const T* x, const Walk& w, double scale) {
    const auto lines = line_values(w, [&](int64_t i) {
        return with_stride(w.inner_stride, [&](auto stride) {
            return line_squares(x + i * w.outer_stride, w.inner, stride, scale);
        });
    });
    double total = 0;
    for (const double v : lines) total += v;
    return total;
}

// A power of two that brings `x` near 1, so that nothing is rounded.
double power_near(double x) {
    int exponent = 0;
    std::frexp(x, &exponent);
    return std::ldexp(1.0, std::clamp(-exponent, -1021, 1021));
}

}  // namespace

View::View(const steepest_matrix& m)
    : data(m.data),
      result(m.result),
      rows(m.rows),
      cols(m.cols),
      row_stride(m.row_stride),
      col_stride(m.col_stride),
      result_row_stride(m.result_row_stride),
      result_col_stride(m.result_col_stride),
      dtype(static_cast<DType>(m.dtype)) {
    if (rows <= cols) return;
    std::swap(rows, cols);
    std::swap(row_stride, col_stride);
    std::swap(result_row_stride, result_col_stride);
}

Norm frobenius_norm(const View& v) {
    Norm norm;
    const Walk walk(v);
    with_type(v.dtype, [&](auto* type) {
        const auto* x = static_cast<const std::remove_pointer_t<decltype(type)>*>(v.data);
        if (v.dtype == DType::f64) {  // squares of the other types neither overflow nor underflow
            const double largest = largest_magnitude(x, walk);
            norm.power = largest > 0 ? power_near(largest) : 1;
            norm.scaled = largest > 0 ? 0 : largest;
            if (!(largest > 0)) return;
        }
        const double squares = sum_of_squares(x, walk, norm.power);
        norm.scaled = std::isfinite(squares) ? std::sqrt(squares) : std::nan("");
    });
    return norm;
}

Norm split_power(double x) {
    const double power = power_near(x);
    return {x * power, power};
}

void load(const View& v, double power, double factor, const Matrix& to) {
    with_type(v.dtype, [&](auto* from_type) {
        with_type(storage_of(to.type), [&](auto* to_type) {
            const auto* x = static_cast<const std::remove_pointer_t<decltype(from_type)>*>(v.data);
            auto* out = static_cast<std::remove_pointer_t<decltype(to_type)>*>(to.data);
            const bool along_rows = std::abs(v.col_stride) <= std::abs(v.row_stride);
            with_stride(v.col_stride, [&](auto stride) {
                each_run(v.rows, v.cols, along_rows, [&](int64_t i, int64_t begin, int64_t end) {
                    convert(x + i * v.row_stride, stride, out + i * to.ld, one, begin, end,
                            [=](double value) { return value * power * factor; });
                });
            });
        });
    });
}

void store(const Matrix& from, const View& v) {
    with_type(storage_of(from.type), [&](auto* from_type) {
        with_type(v.dtype, [&](auto* to_type) {
            const auto* x =
                static_cast<const std::remove_pointer_t<decltype(from_type)>*>(from.data);
            auto* out = static_cast<std::remove_pointer_t<decltype(to_type)>*>(v.result);
            const bool along_rows = std::abs(v.result_col_stride) <= std::abs(v.result_row_stride);
            with_stride(v.result_col_stride, [&](auto stride) {
                each_run(v.rows, v.cols, along_rows, [&](int64_t i, int64_t begin, int64_t end) {
                    convert(x + i * from.ld, one, out + i * v.result_row_stride, stride, begin, end,
                            [](double value) { return value; });
                });
            });
        });
    });
}

}  // namespace steepest::polar
