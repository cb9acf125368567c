// Which part of which tensor a CUDA block or warp works on.
#pragma once

#include "steps/device/descriptors.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

struct Item {
    int32_t tensor;
    int32_t index;  // within the tensor
};

// `first` holds the number of items before each of n tensors, and then their total.
STEEPEST_HD STEEPEST_INLINE Item locate(const int32_t* first, int32_t n, int32_t item) {
    int32_t low = 0;
    int32_t high = n;  // the tensor is in [low, high)
    while (high - low > 1) {
        const int32_t middle = low + (high - low) / 2;
        if (first[middle] <= item)
            low = middle;
        else
            high = middle;
    }
    return {low, item - (n > 1 ? first[low] : 0)};
}

// Of a CUDA block that does the second kind of work.
STEEPEST_HD STEEPEST_INLINE Item locate_second(const Pass& pass, int32_t block) {
    return locate(pass.second, pass.count, block - pass.split);
}

struct Range {
    int64_t begin, end;
};

// The elements of chunk `index`: chunks begin `head` elements behind the multiples of their length,
// and the first takes the head as well.
STEEPEST_HD STEEPEST_INLINE Range chunk_range(int64_t count, int32_t chunk, int32_t head,
                                              int32_t index) {
    const int64_t begin = index == 0 ? 0 : static_cast<int64_t>(index) * chunk + head;
    const int64_t end = (static_cast<int64_t>(index) + 1) * chunk + head;
    return {begin < count ? begin : count, end < count ? end : count};
}

// A thread of a device, by its position in its block.
struct Thread {
    int32_t block;
    int32_t index;

    STEEPEST_HD int32_t lane() const { return index % kWarp; }
    STEEPEST_HD int32_t warp() const { return block * kWarps + index / kWarp; }
    STEEPEST_HD int64_t global() const { return static_cast<int64_t>(block) * kThreads + index; }
};

STEEPEST_HD STEEPEST_INLINE bool is_skipped(const Pass& pass) {
    return pass.skipped && *pass.skipped;
}

STEEPEST_HD STEEPEST_INLINE const void* gradient(const Pass& pass, int32_t tensor) {
    return pass.grads ? pass.grads[tensor] : pass.inline_grads[tensor];
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
