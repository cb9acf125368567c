// The kernels of the rules, and how each is launched. All bodies are shared with the emulation.
#pragma once

#include "cuda/error.h"
#include "cuda/fold.cuh"
#include "steps/device/runs.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

__device__ STEEPEST_INLINE Thread this_thread() {
    return {static_cast<int32_t>(blockIdx.x), static_cast<int32_t>(threadIdx.x)};
}

// The work item of this warp; false behind the last one.
__device__ STEEPEST_INLINE bool warp_item(const Pass& pass, const Thread& thread, Item& item) {
    if (thread.warp() >= pass.first[pass.count]) return false;
    item = locate(pass.first, pass.count, thread.warp());
    return true;
}

// Memory-bound: four blocks on a multiprocessor, that is at most 64 registers per thread, keep
// enough loads under way. Doubles take two registers each, but also bring twice the bytes: three
// blocks do, and two where many must be held. A rule with long arithmetic may ask for fewer, or
// only where its streams are decoded.
template <class R, class T, Storage kStorage>
constexpr int resident_blocks() {
    int most = sizeof(T) == 4 ? 4 : kCrowded<R, T> ? 2 : 3;
    const auto limit = [&](int blocks) { most = most < blocks ? most : blocks; };
    if constexpr (requires { R::kMostBlocks; }) limit(R::kMostBlocks);
    if constexpr (requires { R::kMostCodedBlocks; })
        if (kStorage != Storage::plain) limit(R::kMostCodedBlocks);
    return most;
}

template <class R, class T, Storage kStorage>
__global__ void __launch_bounds__(kThreads, resident_blocks<R, T, kStorage>())
    apply_kernel(const __grid_constant__ Pass pass) {
    Apply<R, T, kStorage>::run(pass, this_thread());
}

// Of sums over the list, by each warp that has completed a tensor: the last one folds them.
template <class R, class T>
__device__ STEEPEST_INLINE void fold_list(const Pass& pass, int lane) {
    const Norm& norm = pass.norm;
    if (!arrives_last(norm.arrived, static_cast<uint32_t>(norm.expected), lane)) return;
    STEEPEST_UNROLL
    for (int k = 0; k < R::kTerms; ++k) {
        const double total = fold_tree(Reduce<R, T>::list_tree(pass, k), norm.count, lane);
        if (lane == 0) norm.total[k] = total;
    }
}

template <class R, class T>
__global__ void __launch_bounds__(kThreads, sizeof(T) == 8 ? 1 : 2)
    reduce_kernel(const __grid_constant__ Pass pass) {
    const Thread thread = this_thread();
    Item item;
    if (is_skipped(pass) || !warp_item(pass, thread, item)) return;
    LaneSums<R::kTerms> lanes;
    Reduce<R, T>::block(pass, item, thread.lane(), lanes);
    double sums[R::kTerms];
    STEEPEST_UNROLL
    for (int k = 0; k < R::kTerms; ++k) sums[k] = fold_warp(lanes.at[k]);
    const Tensor& t = pass.tensors[item.tensor];
    if (!climb(t, item.index, thread.lane(), sums)) return;
    if (thread.lane() == 0) Reduce<R, T>::finish(pass, t, sums);
    if constexpr (kSumsOverList<R>) fold_list<R, T>(pass, thread.lane());
}

template <class R, class T>
__global__ void __launch_bounds__(kThreads, 1) row_sums_kernel(const __grid_constant__ Pass pass) {
    const Thread thread = this_thread();
    if (thread.block >= pass.split) return row_sums_across<R, T>(pass, thread);
    Item item;
    if (is_skipped(pass) || !warp_item(pass, thread, item)) return;
    LaneSums<R::kRowTerms> lanes;
    RowSums<R, T>::block(pass, item, thread.lane(), lanes);
    double sums[R::kRowTerms];
    STEEPEST_UNROLL
    for (int k = 0; k < R::kRowTerms; ++k) sums[k] = fold_warp(lanes.at[k]);
    if (thread.lane() == 0) RowSums<R, T>::put(pass, item, sums);
}

template <class R, class T>
__global__ void __launch_bounds__(kThreads, 1) fold_rows_kernel(const __grid_constant__ Pass pass) {
    const Thread thread = this_thread();
    Item item;
    if (is_skipped(pass) || !warp_item(pass, thread, item)) return;
    double sums[R::kTerms];
    RowFold<R, T>::neighbours(pass, item, thread.lane(), sums);
    STEEPEST_UNROLL
    for (int k = 0; k < R::kTerms; ++k) sums[k] = fold_pairs_of_warp(sums[k]);
    const Tensor& t = pass.tensors[item.tensor];
    const RowTree tree(t, pass.axes[item.tensor]);
    if (climb(tree, item.index, thread.lane(), sums) && thread.lane() == 0)
        Reduce<R, T>::finish(pass, t, sums);
}

template <class R, class T>
__global__ void __launch_bounds__(kThreads) row_values_kernel(const __grid_constant__ Pass pass) {
    row_values<R, T>(pass, this_thread());
}

template <class R, class T>
__global__ void __launch_bounds__(kThreads) prepare_kernel(const __grid_constant__ Pass pass) {
    prepare_one<R, T>(pass, this_thread());
}

template <class R, class T>
__global__ void __launch_bounds__(kThreads, sizeof(T) == 8 ? 1 : 2)
    axis_sums_kernel(const __grid_constant__ Pass pass) {
    const Thread thread = this_thread();
    if (thread.block >= pass.split) return across_sums<R, T>(pass, thread);
    Item item;
    if (is_skipped(pass) || !warp_item(pass, thread, item)) return;
    double held[kHeld] = {};
    LineSums<R, T>::block(pass, item, thread.lane(), held);
    const double sum = kHasMaxima<R, T> ? largest_of_warp(held) : fold_warp(held);
    if (thread.lane() == 0) pass.axes[item.tensor].line_sum[item.index] = sum;
}

template <class R, class T>
__global__ void __launch_bounds__(kThreads) update_axes_kernel(const __grid_constant__ Pass pass) {
    update_axes<R, T>(pass, this_thread());
}

template <class R, class T>
__global__ void __launch_bounds__(kThreads) scale_rows_kernel(const __grid_constant__ Pass pass) {
    const Thread thread = this_thread();
    Item item;
    if (is_skipped(pass) || !warp_item(pass, thread, item)) return;
    const Rows<T> rows(pass.axes[item.tensor], item.index);
    for (int64_t b = 0; b < rows.blocks; ++b) {
        double held[kHeld] = {};
        rows.block(b, thread.lane(), held);
        const double sum = fold_warp(held);
        if (thread.lane() == 0) rows.block_sum[b] = sum;
    }
    double sum = thread.lane() == 0 ? fold_pairs(rows.block_sum, rows.blocks) : 0;
    sum = __shfl_sync(kAllLanes, sum, 0);
    rows.template scale<R>(Setting<R, T>(pass, pass.tensors[item.tensor]), sum, thread.lane());
}

template <class R, class Kernel>
void launch(Kernel kernel, const Pass& pass, int64_t blocks, void* stream, const char* name) {
    kernel<<<static_cast<unsigned>(blocks), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(pass);
    cuda::check_launch(R::spec.name, name);
}

inline int64_t blocks_of_warps(int64_t items) { return (items + kWarps - 1) / kWarps; }
inline int64_t blocks_of_threads(int64_t items) { return (items + kThreads - 1) / kThreads; }

struct CudaRuns {
    template <class R, class T, Storage kStorage>
    static void apply(const Pass& pass, int64_t items, void* stream) {
        launch<R>(apply_kernel<R, T, kStorage>, pass, items, stream, "apply");
    }
    template <class R, class T>
    static void prepare(const Pass& pass, int64_t items, void* stream) {
        launch<R>(prepare_kernel<R, T>, pass, blocks_of_threads(items), stream, "prepare");
    }
    template <class R, class T>
    static void reduce(const Pass& pass, int64_t items, void* stream) {
        launch<R>(reduce_kernel<R, T>, pass, blocks_of_warps(items), stream, "reduce");
    }
    template <class R, class T>
    static void row_sums(const Pass& pass, int64_t blocks, void* stream) {
        launch<R>(row_sums_kernel<R, T>, pass, blocks, stream, "row sums");
    }
    template <class R, class T>
    static void fold_rows(const Pass& pass, int64_t items, void* stream) {
        launch<R>(fold_rows_kernel<R, T>, pass, blocks_of_warps(items), stream, "fold rows");
    }
    template <class R, class T>
    static void row_values(const Pass& pass, int64_t items, void* stream) {
        launch<R>(row_values_kernel<R, T>, pass, items, stream, "row values");
    }
    template <class R, class T>
    static void axis_sums(const Pass& pass, int64_t blocks, void* stream) {
        launch<R>(axis_sums_kernel<R, T>, pass, blocks, stream, "axis sums");
    }
    template <class R, class T>
    static void update_axes(const Pass& pass, int64_t blocks, void* stream) {
        launch<R>(update_axes_kernel<R, T>, pass, blocks, stream, "update axes");
    }
    template <class R, class T>
    static void scale_rows(const Pass& pass, int64_t items, void* stream) {
        launch<R>(scale_rows_kernel<R, T>, pass, blocks_of_warps(items), stream, "scale rows");
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
