// Row and column averages on a device: the sums of steps/axes.cpp, in the same order.
#pragma once

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
        T g[4 * kHeld];
        each_element<4>(
            first, n, lane,
            [&](int k, int64_t i) { g[k] = staged_element<R, T>(setting, t, grads, i); },
            [&](int held, int k, int64_t) { sums[held] += R::axis_term(g[k]); });
    }
};

// One thread per position in a line and block of lines.
template <class R, class T>
STEEPEST_HD inline void across_sums(const Pass& pass, Thread thread) {
    const Item item = locate(pass.first, pass.count, thread.block);
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
    for (int64_t line = line_block * kLines; line < last; ++line)
        sum += R::axis_term(staged_element<R, T>(setting, t, grads,
                                                 (matrix * a.outer + line) * a.inner + position));
    a.across_sum[(matrix * a.line_blocks + line_block) * a.inner + position] = sum;
}

// Moves one value of a state towards the average of `n` terms, and stores it.
template <class R, class T>
STEEPEST_HD STEEPEST_INLINE void update_average(const Pass& pass, const Tensor& t, const Axes& a,
                                                int32_t stream, int64_t i, double mean) {
    const Setting<R, T> setting(pass, t);
    static_assert(R::spec.states[0].kind == Kind::row && R::spec.states[1].kind == Kind::column);
    const bool column = stream == 3;
    Raw<T> old;
    old.fetch_one(0, t.stream[stream], t.dtype[stream], i);
    const T value = R::axis_update(setting.rule, old.decode_one(0, t.dtype[stream]), mean);
    static_cast<T*>(a.axis_new[column])[i] = value;
    // One element, from itself on.
    const int64_t size = sizeof(T) == 8 ? 8 : is_half(t.dtype[stream]) ? 2 : 4;
    const Sink to{
        static_cast<char*>(t.stream[stream]) + i * size,
        i,
        {pass.seed, kRoundingPurpose + static_cast<uint32_t>(stream), setting.draw(), t.id},
        t.dtype[stream],
        false,
        (t.random >> stream & 1) != 0};
    store_one(to, value, 0);
}

// One thread per line, over the whole batch.
template <class R, class T>
STEEPEST_HD inline void update_lines(const Pass& pass, Thread thread) {
    const Item item = locate(pass.first, pass.count, thread.block);
    const Axes& a = pass.axes[item.tensor];
    const int64_t line = static_cast<int64_t>(item.index) * kThreads + thread.index;
    if (line >= a.batch * a.outer || is_skipped(pass)) return;
    const double sum = fold_pairs(a.line_sum + line * a.inner_blocks, a.inner_blocks);
    update_average<R, T>(pass, pass.tensors[item.tensor], a, a.per_line, line,
                         sum / static_cast<double>(a.inner));
}

// One thread per position in a line, over the whole batch.
template <class R, class T>
STEEPEST_HD inline void update_across(const Pass& pass, Thread thread) {
    const Item item = locate(pass.first, pass.count, thread.block);
    const Axes& a = pass.axes[item.tensor];
    const int64_t i = static_cast<int64_t>(item.index) * kThreads + thread.index;
    if (i >= a.batch * a.inner || is_skipped(pass)) return;
    double* sums = a.across_sum + i / a.inner * a.line_blocks * a.inner + i % a.inner;
    const double sum = fold_pairs(sums, a.line_blocks, a.inner);
    update_average<R, T>(pass, pass.tensors[item.tensor], a, a.across, i,
                         sum / static_cast<double>(a.outer));
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
