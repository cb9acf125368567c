// One read of both matrices. Work is shared out by blocks of lines and of elements along them,
// which do not depend on the number of threads.
#include "polar/line_sums.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "core/cpu.h"
#include "core/fence.h"
#include "core/parallel.h"
#include "core/reduce.h"
#include "core/stream.h"
#include "polar/device/line_sums_driver.h"
#include "polar/elements.h"

namespace steepest::polar {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Elements next to each other are a loop of their own, which the compiler turns into vectors.
template <class F>
void with_stride(int64_t stride, F&& f) {
    if (stride == 1)
        f(std::integral_constant<int64_t, 1>());
    else
        f(stride);
}

template <class X, class Y>
struct Walk {
    const X* x;
    const Y* y;
    int64_t x_stride, y_stride;

    // The products of n <= kLanes elements, one for each lane.
    void add_to_lanes(int64_t n, double* lanes) const {
        with_stride(x_stride, [&](auto xs) {
            with_stride(y_stride, [&](auto ys) {
                for (int64_t l = 0; l < n; ++l) lanes[l] += decode(x[l * xs]) * decode(y[l * ys]);
            });
        });
    }
    Walk from(int64_t i) const { return {x + i * x_stride, y + i * y_stride, x_stride, y_stride}; }
};

template <class X, class Y>
double sum_block(Walk<X, Y> w, int64_t n) {
    alignas(64) double lanes[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) w.from(i).add_to_lanes(kLanes, lanes);
    w.from(i).add_to_lanes(n - i, lanes);
    return fold_lanes(lanes);
}

// Adds the products of n elements to a double each.
template <class X, class Y>
void add_each(Walk<X, Y> w, int64_t n, double* to) {
    for (int64_t i = 0; i < n; i += kLanes)
        w.from(i).add_to_lanes(std::min<int64_t>(kLanes, n - i), to + i);
}

template <class X, class Y>
Walk<X, Y> walk_of(const LinePair& p, int64_t line, int64_t first) {
    return {static_cast<const X*>(p.x) + line * p.x_line_stride + first * p.x_stride,
            static_cast<const Y*>(p.y) + line * p.y_line_stride + first * p.y_stride, p.x_stride,
            p.y_stride};
}

// One block of kLines lines times kBlock elements.
template <class X, class Y>
void sum_item(const LinePair& p, int64_t line_block, int64_t block, double* partial) {
    const int64_t first = block * kBlock, n = std::min(kBlock, p.length - first);
    const int64_t last = std::min((line_block + 1) * kLines, p.lines);
    double* across = partial + line_block * p.length + first;
    if (!p.along) std::fill_n(across, n, 0.0);
    for (int64_t line = line_block * kLines; line < last; ++line) {
        const auto walk = walk_of<X, Y>(p, line, first);
        if (p.along)
            partial[line * p.length_blocks() + block] = sum_block(walk, n);
        else
            add_each(walk, n, across);
    }
}

template <class F>
void for_items(int64_t items, int64_t work, F&& f) {
    const auto n =
        static_cast<int>(std::max<int64_t>(std::min<int64_t>(threads_for(work), items), 1));
    parallel(n, n, [&](int part, int parts) {
        for (int64_t i = items * part / parts; i < items * (part + 1) / parts; ++i) f(i);
    });
}

// The sums of the blocks of each sum, in adjacent pairs.
void fold(const LinePair& p, double* partial, double* out) {
    if (p.along) {
        for (int64_t i = 0; i < p.lines; ++i)
            out[i] = fold_pairs(partial + i * p.length_blocks(), p.length_blocks());
        return;
    }
    fold_vectors(partial, p.line_blocks(), p.length, 0, p.length);
    if (p.line_blocks())
        std::copy_n(partial, p.length, out);
    else
        std::fill_n(out, p.length, 0.0);
}

steepest_status check(const steepest_line_sums_args& a) {
    if (a.struct_size < sizeof a || a.rows < 0 || a.cols < 0 || a.axis < 0 || a.axis > 1)
        return STEEPEST_INVALID_ARGUMENT;
    if (a.x_dtype < 0 || a.x_dtype >= kDTypes || (a.y && (a.y_dtype < 0 || a.y_dtype >= kDTypes)))
        return STEEPEST_INVALID_DTYPE;
    if (a.rows > 0 && a.cols > 0 && !a.x) return STEEPEST_INVALID_ARGUMENT;
    return a.sums || (a.axis ? a.rows : a.cols) == 0 ? STEEPEST_OK : STEEPEST_INVALID_ARGUMENT;
}

}  // namespace

LinePair::LinePair(const steepest_line_sums_args& a)
    : x(a.x),
      y(a.y ? a.y : a.x),
      x_dtype(static_cast<DType>(a.x_dtype)),
      y_dtype(static_cast<DType>(a.y ? a.y_dtype : a.x_dtype)),
      lines(a.rows),
      length(a.cols),
      x_line_stride(a.x_row_stride),
      x_stride(a.x_col_stride),
      y_line_stride(a.y ? a.y_row_stride : a.x_row_stride),
      y_stride(a.y ? a.y_col_stride : a.x_col_stride),
      along(a.axis == 1) {
    if (std::abs(x_line_stride) >= std::abs(x_stride)) return;
    std::swap(lines, length);
    std::swap(x_line_stride, x_stride);
    std::swap(y_line_stride, y_stride);
    along = !along;
}

int64_t LinePair::line_blocks() const { return divide_up(lines, kLines); }
int64_t LinePair::length_blocks() const { return divide_up(length, kBlock); }
int64_t LinePair::partial_sums() const {
    return along ? lines * length_blocks() : line_blocks() * length;
}

void line_sums(const LinePair& p, double* partial, double* out) {
    const int64_t blocks = p.length_blocks();
    with_type(p.x_dtype, [&](auto* xt) {
        with_type(p.y_dtype, [&](auto* yt) {
            using X = std::remove_pointer_t<decltype(xt)>;
            using Y = std::remove_pointer_t<decltype(yt)>;
            for_items(p.line_blocks() * blocks, p.lines * p.length,
                      [&](int64_t i) { sum_item<X, Y>(p, i / blocks, i % blocks, partial); });
        });
    });
    fold(p, partial, out);
}

}  // namespace steepest::polar

steepest_status steepest_line_sums_workspace(const steepest_line_sums_args* args, size_t* size) {
    using namespace steepest::polar;
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return steepest::fenced([&] {
        if (const auto status = check(*args)) return status;
        steepest::Arena arena(nullptr, 0);
        arena.take<double>(LinePair(*args).partial_sums());
        *size = arena.used();
        return STEEPEST_OK;
    });
}

steepest_status steepest_line_sums(const steepest_line_sums_args* args) {
    using namespace steepest::polar;
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return steepest::fenced([&] {
        steepest::FloatingPointGuard guard;
        size_t needed = 0;
        if (const auto status = steepest_line_sums_workspace(args, &needed)) return status;
        if (reinterpret_cast<uintptr_t>(args->workspace) % steepest::Arena::kAlignment)
            return STEEPEST_INVALID_ARGUMENT;
        if (args->workspace_size < needed || (needed > 0 && !args->workspace))
            return STEEPEST_WORKSPACE_TOO_SMALL;
        const LinePair pair(*args);
        steepest::Arena arena(args->workspace, args->workspace_size);
        double* partial = arena.take<double>(pair.partial_sums());
        if (args->stream)
            return steepest::on_stream(
                args->device, args->stream, [&](steepest::device::Backend& backend) {
                    return steepest::device::line_sums(pair, partial, args->sums, backend);
                });
        line_sums(pair, partial, args->sums);
        return STEEPEST_OK;
    });
}
