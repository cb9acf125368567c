// The sums of rows on a device, in the order of steps/rows.cpp, and what rules make of them.
#pragma once

#include "steps/device/sums.h"
#include "steps/row_parts.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

STEEPEST_HD STEEPEST_INLINE RowParts parts_of(const Axes& a) {
    return a.column_major ? RowParts(a.inner, a.outer, true) : RowParts(a.outer, a.inner, false);
}

// Chunks of rows that a warp folds into one leaf of the tree over rows.
constexpr int64_t row_leaves(int64_t rows) { return (rows + kFanOut - 1) / kFanOut; }

// The part of a contiguous row that a warp sums: item.index counts the blocks of all rows.
template <class R, class T>
struct RowSums {
    using Sums = LaneSums<R::kRowTerms>;

    STEEPEST_HD static STEEPEST_INLINE void block(const Pass& pass, const Item& item, int32_t lane,
                                                  Sums& sums) {
        const Axes& a = pass.axes[item.tensor];
        const int64_t row = item.index / a.inner_blocks;
        const int64_t begin = item.index % a.inner_blocks * kBlock;
        const int64_t n = a.inner - begin < kBlock ? a.inner - begin : kBlock;
        Reduce<R, T>::range(pass, item.tensor, row * a.inner + begin, n, lane, sums);
    }

    STEEPEST_HD static STEEPEST_INLINE void put(const Pass& pass, const Item& item,
                                                const double (&sum)[R::kRowTerms]) {
        const Axes& a = pass.axes[item.tensor];
        STEEPEST_UNROLL
        for (int k = 0; k < R::kRowTerms; ++k)
            a.line_sum[k * parts_of(a).size() + item.index] = sum[k];
    }
};

// Of a column-major matrix: one thread per row and block of columns.
template <class R, class T>
STEEPEST_HD inline void row_sums_across(const Pass& pass, Thread thread) {
    const Item item = locate_second(pass, thread.block);
    const Tensor& t = pass.tensors[item.tensor];
    const Axes& a = pass.axes[item.tensor];
    const RowParts parts = parts_of(a);
    const int64_t chunks = (a.inner + kThreads - 1) / kThreads;
    const int64_t row = item.index % chunks * kThreads + thread.index;
    const int64_t block = item.index / chunks;
    if (row >= a.inner || is_skipped(pass)) return;
    const Setting<R, T> setting(pass, t);
    const void* data[Reduce<R, T>::kStreams];
    Reduce<R, T>::find(pass, item.tensor, data);
    const int64_t last = (block + 1) * kLines < a.outer ? (block + 1) * kLines : a.outer;
    double sum[R::kRowTerms] = {};
    for (int64_t col = block * kLines; col < last; ++col) {
        double term[R::kRowTerms];
        Reduce<R, T>::element(setting, t, data, col * a.inner + row, term);
        STEEPEST_UNROLL
        for (int k = 0; k < R::kRowTerms; ++k) sum[k] += term[k];
    }
    STEEPEST_UNROLL
    for (int k = 0; k < R::kRowTerms; ++k)
        a.line_sum[k * parts.size() + parts.at(row, block)] = sum[k];
}

// The terms of kFanOut rows by a warp, of which a thread has some neighbours.
template <class R, class T>
struct RowFold {
    static constexpr int kEach = kFanOut / kWarp;
    static_assert(kEach == 8);

    // Folds the blocks of these rows, and their terms in adjacent pairs.
    STEEPEST_HD static STEEPEST_INLINE void neighbours(const Pass& pass, const Item& item,
                                                       int32_t lane, double (&sum)[R::kTerms]) {
        const Axes& a = pass.axes[item.tensor];
        const RowParts parts = parts_of(a);
        const Setting<R, T> setting(pass, pass.tensors[item.tensor]);
        double v[R::kTerms][kEach] = {};
        STEEPEST_UNROLL
        for (int k = 0; k < kEach; ++k) {
            const int64_t row = static_cast<int64_t>(item.index) * kFanOut + lane * kEach + k;
            if (row >= parts.rows) continue;
            double of_row[R::kRowTerms], term[R::kTerms];
            STEEPEST_UNROLL
            for (int j = 0; j < R::kRowTerms; ++j)
                of_row[j] = parts.fold(a.line_sum + j * parts.size(), row);
            R::row_terms(setting.rule, of_row, term);
            STEEPEST_UNROLL
            for (int j = 0; j < R::kTerms; ++j) v[j][k] = term[j];
        }
        STEEPEST_UNROLL
        for (int j = 0; j < R::kTerms; ++j)
            sum[j] = ((v[j][0] + v[j][1]) + (v[j][2] + v[j][3])) +
                     ((v[j][4] + v[j][5]) + (v[j][6] + v[j][7]));
    }
};

// The tree over the rows of a tensor, as if a leaf were a block of it.
struct RowTree {
    int64_t count;
    double* partial;
    uint32_t* arrived;

    STEEPEST_HD RowTree(const Tensor& t, const Axes& a)
        : count(row_leaves(parts_of(a).rows) * kBlock), partial(a.row_sum), arrived(t.arrived) {}
};

// One thread per row, the constants being made of the sums.
template <class R, class T>
STEEPEST_HD inline void row_values(const Pass& pass, Thread thread) {
    const Item item = locate(pass.first, pass.count, thread.block);
    const Axes& a = pass.axes[item.tensor];
    const RowParts parts = parts_of(a);
    const int64_t row = static_cast<int64_t>(item.index) * kThreads + thread.index;
    if (row >= parts.rows || is_skipped(pass)) return;
    const Setting<R, T> setting(pass, pass.tensors[item.tensor]);
    double of_row[R::kRowTerms];
    STEEPEST_UNROLL
    for (int j = 0; j < R::kRowTerms; ++j)
        of_row[j] = parts.total(a.line_sum + j * parts.size(), row);
    static_cast<T*>(a.axis_new[0])[row] = R::row_value(setting.rule, of_row);
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
