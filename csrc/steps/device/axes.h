// Row and column averages and maxima on a device: the sums of steps/axes.cpp, in the same order.
#pragma once

#include "core/math.h"
#include "steps/device/lanes.h"
#include "steps/device/setting.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// The gradient at an element, decoded and staged.
template <class R, class T>
STEEPEST_HD STEEPEST_INLINE T staged_element(const Setting<R, T>& setting, const Tensor& t,
                                             const void* grads, int64_t i) {
    Raw<T> p, g;
    p.fetch_one(0, t.stream[0], t.dtype[0], i);
    g.fetch_one(0, grads, t.dtype[1], i);
    return setting.gradient(g.decode_one(0, t.dtype[1]), p.decode_one(0, t.dtype[0]));
}

// The term of an element whose gradient is known.
template <class R, class T>
STEEPEST_HD STEEPEST_INLINE double axis_term(const Tensor& t, const Axes& a, T g, const Place& at) {
    if constexpr (kHasMaxima<R, T>) {
        T axis[2] = {};
        read_given<R, T>(
            t, a, at, [&](int s) { return t.dtype[s]; },
            [&](int s, T value) { axis[s - 2] = value; });
        return R::axis_maximum(g, axis[0], axis[1]);
    } else {
        return R::axis_term(g);
    }
}

// What two terms make: their sum or the larger one.
template <class R, class T>
STEEPEST_HD STEEPEST_INLINE double joined(double a, double b) {
    return kHasMaxima<R, T> ? maximum(a, b) : a + b;
}

// The largest of n values that are no less than 0, `stride` apart; NaN where one is.
STEEPEST_HD STEEPEST_INLINE double largest(const double* value, int64_t n, int64_t stride = 1) {
    double most = 0;
    for (int64_t i = 0; i < n; ++i) most = maximum(most, value[i * stride]);
    return most;
}

// The part of a line that a warp sums: item.index counts blocks of kBlock along all lines.
template <class R, class T>
struct LineSums {
    STEEPEST_HD static STEEPEST_INLINE void block(const Pass& pass, const Item& item, int32_t lane,
                                                  double (&sums)[kHeld]) {
        const Tensor& t = pass.tensors[item.tensor];
        const Axes& a = pass.axes[item.tensor];
        const Setting<R, T> setting(pass, t);
        const void* grads = gradient(pass, item.tensor);
        const int64_t line = item.index / a.inner_blocks;
        const int64_t begin = item.index % a.inner_blocks * kBlock;
        const int64_t n = a.inner - begin < kBlock ? a.inner - begin : kBlock;
        const int64_t first = line * a.inner + begin;
        const int64_t before = line / a.outer * a.inner + begin - first;  // to the positions
        T g[4 * kHeld];
        each_element<4>(
            first, n, lane,
            [&](int k, int64_t i) { g[k] = staged_element<R, T>(setting, t, grads, i); },
            [&](int held, int k, int64_t i) {
                sums[held] =
                    joined<R, T>(sums[held], axis_term<R, T>(t, a, g[k], {line, before + i}));
            });
    }
};

// One thread per position in a line and block of lines.
template <class R, class T>
STEEPEST_HD inline void across_sums(const Pass& pass, Thread thread) {
    const Item item = locate_second(pass, thread.block);
    const Tensor& t = pass.tensors[item.tensor];
    const Axes& a = pass.axes[item.tensor];
    const int64_t chunks = (a.inner + kThreads - 1) / kThreads;
    const int64_t position = item.index % chunks * kThreads + thread.index;
    const int64_t line_block = item.index / chunks % a.line_blocks;
    const int64_t matrix = item.index / chunks / a.line_blocks;
    if (position >= a.inner || is_skipped(pass)) return;
    const Setting<R, T> setting(pass, t);
    const void* grads = gradient(pass, item.tensor);
    const int64_t last = (line_block + 1) * kLines < a.outer ? (line_block + 1) * kLines : a.outer;
    double sum = 0;
    for (int64_t line = line_block * kLines; line < last; ++line) {
        const int64_t i = (matrix * a.outer + line) * a.inner + position;
        const T g = staged_element<R, T>(setting, t, grads, i);
        const Place at{matrix * a.outer + line, matrix * a.inner + position};
        sum = joined<R, T>(sum, axis_term<R, T>(t, a, g, at));
    }
    a.across_sum[(matrix * a.line_blocks + line_block) * a.inner + position] = sum;
}

// Moves one value of a state towards the average of its terms, or to the maximum, and stores it.
template <class R, class T>
STEEPEST_HD STEEPEST_INLINE void update_average(const Pass& pass, const Tensor& t, const Axes& a,
                                                int32_t stream, int64_t i, double mean) {
    const Setting<R, T> setting(pass, t);
    static_assert(R::spec.states[0].kind == Kind::row && R::spec.states[1].kind == Kind::column);
    const bool column = stream == 3;
    Raw<T> old;
    old.fetch_one(0, t.stream[stream], t.dtype[stream], i);
    T value;
    if constexpr (kHasMaxima<R, T>)
        value = T(mean);
    else
        value = R::axis_update(setting.rule, old.decode_one(0, t.dtype[stream]), mean);
    static_cast<T*>(a.axis_new[column])[i] = value;
    store_state(pass, t, stream, i, value, setting.draw());
}

// One thread per line, over the whole batch.
template <class R, class T>
STEEPEST_HD inline void update_lines(const Pass& pass, Thread thread) {
    const Item item = locate(pass.first, pass.count, thread.block);
    const Axes& a = pass.axes[item.tensor];
    const int64_t line = static_cast<int64_t>(item.index) * kThreads + thread.index;
    if (line >= a.batch * a.outer || is_skipped(pass)) return;
    double* sums = a.line_sum + line * a.inner_blocks;
    const double result = kHasMaxima<R, T>
                              ? largest(sums, a.inner_blocks)
                              : fold_pairs(sums, a.inner_blocks) / static_cast<double>(a.inner);
    update_average<R, T>(pass, pass.tensors[item.tensor], a, a.per_line, line, result);
}

// One thread per position in a line, over the whole batch.
template <class R, class T>
STEEPEST_HD inline void update_across(const Pass& pass, Thread thread) {
    const Item item = locate_second(pass, thread.block);
    const Axes& a = pass.axes[item.tensor];
    const int64_t i = static_cast<int64_t>(item.index) * kThreads + thread.index;
    if (i >= a.batch * a.inner || is_skipped(pass)) return;
    double* sums = a.across_sum + i / a.inner * a.line_blocks * a.inner + i % a.inner;
    const double result =
        kHasMaxima<R, T> ? largest(sums, a.line_blocks, a.inner)
                         : fold_pairs(sums, a.line_blocks, a.inner) / static_cast<double>(a.outer);
    update_average<R, T>(pass, pass.tensors[item.tensor], a, a.across, i, result);
}

// Both, by the CUDA block.
template <class R, class T>
STEEPEST_HD inline void update_axes(const Pass& pass, Thread thread) {
    if (thread.block < pass.split)
        update_lines<R, T>(pass, thread);
    else
        update_across<R, T>(pass, thread);
}

// The new rows of one matrix of a batch.
template <class T>
struct Rows {
    T* at;
    double* block_sum;
    int64_t count, blocks;

    STEEPEST_HD Rows(const Axes& a, int64_t matrix)
        : count(a.column_major ? a.inner : a.outer), blocks((count + kBlock - 1) / kBlock) {
        at = static_cast<T*>(a.axis_new[0]) + matrix * count;
        block_sum = a.row_sum + matrix * blocks;
    }

    STEEPEST_HD STEEPEST_INLINE void block(int64_t b, int32_t lane, double (&sums)[kHeld]) const {
        const int64_t first = b * kBlock;
        const int64_t n = count - first < kBlock ? count - first : kBlock;
        T value[kHeld];
        each_element<1>(
            first, n, lane, [&](int k, int64_t i) { value[k] = at[i]; },
            [&](int held, int k, int64_t) { sums[held] += static_cast<double>(value[k]); });
    }

    template <class R>
    STEEPEST_HD STEEPEST_INLINE void scale(const Setting<R, T>& setting, double sum,
                                           int32_t lane) const {
        const double mean = sum / static_cast<double>(count);
        for (int64_t i = lane; i < count; i += kWarp)
            at[i] = R::row_factor(setting.rule, at[i], mean);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
