// The reduction tree across the threads of a warp and the warps of a launch.
#pragma once

#include "steps/device/sums.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

inline constexpr unsigned kAllLanes = 0xFFFFFFFFu;

// Step 3 of the tree: lanes fold in halves. The sum is valid in thread 0.
__device__ STEEPEST_INLINE double fold_warp(const double (&held)[kHeld]) {
    static_assert(kHeld == 4 && kLanes == 4 * kWarp);
    double sum = (held[0] + held[2]) + (held[1] + held[3]);
    STEEPEST_UNROLL
    for (int distance = kWarp / 2; distance > 0; distance /= 2)
        sum += __shfl_down_sync(kAllLanes, sum, distance);
    return sum;
}

// The largest of what the threads hold, NaN where one is. Valid in thread 0.
__device__ STEEPEST_INLINE double largest_of_warp(const double (&held)[kHeld]) {
    double most = held[0];
    STEEPEST_UNROLL
    for (int k = 1; k < kHeld; ++k) most = maximum(most, held[k]);
    STEEPEST_UNROLL
    for (int distance = kWarp / 2; distance > 0; distance /= 2)
        most = maximum(most, __shfl_down_sync(kAllLanes, most, distance));
    return most;
}

// Step 3 where a thread holds groups of kGroup neighbours, as lane_of in
// curvature/device/accumulate.h has them.
template <int kGroup>
__device__ STEEPEST_INLINE double fold_groups(const double (&held)[kHeld]) {
    static_assert(kGroup == 4 || kGroup == 2);
    double v[kGroup];
    STEEPEST_UNROLL
    for (int k = 0; k < kGroup; ++k) v[k] = kGroup == 4 ? held[k] : held[k] + held[k + 2];
    STEEPEST_UNROLL
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
        STEEPEST_UNROLL
        for (int k = 0; k < kGroup; ++k) v[k] += __shfl_down_sync(kAllLanes, v[k], distance);
    }
    return kGroup == 4 ? (v[0] + v[2 % kGroup]) + (v[1] + v[3 % kGroup]) : v[0] + v[1];
}

// Adjacent pairs of one number per thread. Valid in thread 0.
__device__ STEEPEST_INLINE double fold_pairs_of_warp(double sum) {
    STEEPEST_UNROLL
    for (int distance = 1; distance < kWarp; distance *= 2)
        sum += __shfl_down_sync(kAllLanes, sum, distance);
    return sum;
}

// Step 4 for one node: adjacent pairs of at most kFanOut children, which other warps may have
// written. What is missing counts as zero, which changes no bit: no sum of the tree is -0. Valid in
// thread 0.
__device__ STEEPEST_INLINE double fold_children(const double* child, int64_t n, int lane) {
    constexpr int kEach = kFanOut / kWarp;
    static_assert(kEach == 8);
    double v[kEach];
    STEEPEST_UNROLL
    for (int k = 0; k < kEach; ++k)
        v[k] = lane * kEach + k < n ? __ldcg(child + lane * kEach + k) : 0;
    return fold_pairs_of_warp(((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7])));
}

// The whole tree over n leaves by one warp; leaves and inner nodes as in tree_nodes. Returns the
// root in thread 0.
__device__ STEEPEST_INLINE double fold_tree(double* node, int64_t n, int lane) {
    while (n > 1) {
        const int64_t parents = (n + kFanOut - 1) / kFanOut;
        for (int64_t p = 0; p < parents; ++p) {
            const int64_t children = n - p * kFanOut < kFanOut ? n - p * kFanOut : kFanOut;
            const double sum = fold_children(node + p * kFanOut, children, lane);
            if (lane == 0) node[n + p] = sum;
        }
        __syncwarp();
        node += n;
        n = parents;
    }
    return __ldcg(node);
}

// True for the warp that arrives last of `expected`, which then sees what the others have written.
// The counter is zero again afterwards.
__device__ STEEPEST_INLINE bool arrives_last(uint32_t* counter, uint32_t expected, int lane) {
    uint32_t before = 0;
    if (lane == 0) {
        __threadfence();
        before = atomicAdd(counter, 1u);
    }
    before = __shfl_sync(kAllLanes, before, 0);
    if (before + 1 != expected) return false;
    __threadfence();
    __syncwarp();  // the other threads read what the fence has made visible
    if (lane == 0) *counter = 0;
    return true;
}

// Puts the sums of one block of a tensor into its tree and folds whatever this completes. True for
// the warp that completes the tensor; `sums` are then its totals, in thread 0. `Tensor` is what has
// count, partial and arrived.
template <int kTerms, class Tensor>
__device__ STEEPEST_INLINE bool climb(const Tensor& t, int64_t index, int lane,
                                      double (&sums)[kTerms]) {
    int64_t n = (t.count + kBlock - 1) / kBlock;
    const int64_t nodes = tree_nodes(n);
    double* level = t.partial;
    uint32_t* counter = t.arrived;
    while (true) {
        if (lane == 0) STEEPEST_UNROLL
        for (int k = 0; k < kTerms; ++k) level[k * nodes + index] = sums[k];
        if (n == 1) return true;
        const int64_t parent = index / kFanOut;
        const int64_t first = parent * kFanOut;
        const int64_t children = n - first < kFanOut ? n - first : kFanOut;
        if (!arrives_last(counter + parent, static_cast<uint32_t>(children), lane)) return false;
        STEEPEST_UNROLL
        for (int k = 0; k < kTerms; ++k)
            sums[k] = fold_children(level + k * nodes + first, children, lane);
        const int64_t parents = (n + kFanOut - 1) / kFanOut;
        level += n;
        counter += parents;
        n = parents;
        index = parent;
    }
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
