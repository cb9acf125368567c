// A tile of C on tensor cores: halves multiplied exactly, and summed in float.
#pragma once

#include "polar/device/mma_warps.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class H, int kSide, bool kHasColumns>
class MmaTile {
    using Warps = MmaWarps<kSide>;
    static constexpr int kSteps = kDepth<uint16_t> / Warps::kInner;

  public:
    using Half = H;
    using Element = uint16_t;
    using Sum = float;
    static constexpr int kTile = kSide;
    static constexpr bool kColumns = kHasColumns;
    static constexpr int kStages = kSide == 128 ? 3 : 4;  // two blocks within 164 KiB
    static constexpr int kSlabRows = kSide;

    struct State : Warps::Fragments {
        STEEPEST_HD STEEPEST_INLINE void end_run() {}
    };

    template <class Block>
    STEEPEST_HD static STEEPEST_INLINE void multiply(Block& block, const char* left,
                                                     const char* right, int64_t) {
        constexpr int kRight = kColumns ? kColumnBytes<Element, kTile> : kRowBytes;
        STEEPEST_UNROLL
        for (int step = 0; step < kSteps; ++step) {
            block.each([&](int thread, auto& held) {
                Warps::template load_left<kRowBytes>(thread, left, step, held.state);
                Warps::template load_right<kColumns, kRight>(thread, right, step, held.state);
            });
            unrolled<Warps::kDown, Warps::kAcross>(
                [&](int i, int j) { block.template multiply_add<Half>(i, j); });
        }
    }

    STEEPEST_HD static STEEPEST_INLINE void put(int thread, const State& s, int, Sum* memory) {
        Warps::each_pair(thread, s, [&](int row, int col, Sum sum, Sum right) {
            Sum* to = memory + row * (kTile + 1) + col;
            to[0] = sum;
            to[1] = right;
        });
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
