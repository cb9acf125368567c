// A tile of C on tensor cores: halves multiplied exactly, and summed in float. Two by four warps
// share it.
#pragma once

#include "polar/device/mma.h"
#include "polar/device/staging.h"
#include "polar/device/unrolled.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class H, int kSide, bool kHasColumns>
class MmaTile {
    static constexpr int kWarpsDown = 2, kWarpsAcross = 4;
    static constexpr int kRows = kSide / kWarpsDown, kCols = kSide / kWarpsAcross;  // of a warp
    static constexpr int kDown = kRows / 16, kAcross = kCols / 8;                   // fragments
    static constexpr int kSteps = kDepth<uint16_t> / 16;

  public:
    using Half = H;
    using Element = uint16_t;
    using Sum = float;
    static constexpr int kTile = kSide;
    static constexpr bool kColumns = kHasColumns;
    static constexpr int kStages = kSide == 128 ? 3 : 4;  // two blocks within 164 KiB
    static constexpr int kSlabRows = kSide;

    struct State {
        float c[kDown][kAcross][4];
        uint32_t a[kDown][4], b[kAcross / 2][2][2];

        STEEPEST_HD STEEPEST_INLINE void clear() {
            unrolled<kDown, kAcross>([&](int i, int j) {
                STEEPEST_UNROLL
                for (int r = 0; r < 4; ++r) c[i][j][r] = 0;
            });
        }
        STEEPEST_HD STEEPEST_INLINE void end_run() {}
    };

    template <class Block>
    STEEPEST_HD static STEEPEST_INLINE void multiply(Block& block, const char* left,
                                                     const char* right, int64_t) {
        STEEPEST_UNROLL
        for (int step = 0; step < kSteps; ++step) {
            block.each([&](int thread, auto& held) {
                load_left(thread, left, step, held.state);
                load_right(thread, right, step, held.state);
            });
            unrolled<kDown, kAcross>(
                [&](int i, int j) { block.template multiply_add<Half>(i, j); });
        }
    }

    STEEPEST_HD static STEEPEST_INLINE void put(int thread, const State& s, int, Sum* memory) {
        const int lane = thread % 32;
        const int row = row_of(thread) + lane / 4, col = col_of(thread) + lane % 4 * 2;
        unrolled<kDown, kAcross>([&](int i, int j) {
            Sum* to = memory + (row + 16 * i) * (kTile + 1) + col + 8 * j;
            STEEPEST_UNROLL
            for (int r = 0; r < 4; ++r) to[8 * (r / 2) * (kTile + 1) + r % 2] = s.c[i][j][r];
        });
    }

  private:
    // The first element of the thread's warp.
    STEEPEST_HD static STEEPEST_INLINE int row_of(int thread) {
        return thread / 32 / kWarpsAcross * kRows;
    }
    STEEPEST_HD static STEEPEST_INLINE int col_of(int thread) {
        return thread / 32 % kWarpsAcross * kCols;
    }

    STEEPEST_HD static STEEPEST_INLINE void load_left(int thread, const char* left, int step,
                                                      State& s) {
        STEEPEST_UNROLL
        for (int i = 0; i < kDown; ++i)
            load_matrices<false>(
                thread % 32,
                [&](int l) {
                    return left + (row_of(thread) + 16 * i + l % 16) * kRowBytes +
                           (2 * step + l / 16) * kPiece;
                },
                s.a[i]);
    }

    // Two fragments side by side at a time.
    STEEPEST_HD static STEEPEST_INLINE void load_right(int thread, const char* right, int step,
                                                       State& s) {
        STEEPEST_UNROLL
        for (int j = 0; j < kAcross / 2; ++j) {
            const int first = col_of(thread) + 16 * j;
            uint32_t both[4];
            load_matrices<kColumns>(
                thread % 32,
                [&](int l) {
                    const int row = l % 8, second = l / 16, lower = l / 8 % 2;
                    if constexpr (kColumns)
                        return right +
                               (16 * step + 8 * lower + row) * kColumnBytes<Element, kTile> +
                               (first + 8 * second) * static_cast<int>(sizeof(Element));
                    else
                        return right + (first + 8 * second + row) * kRowBytes +
                               (2 * step + lower) * kPiece;
                },
                both);
            STEEPEST_UNROLL
            for (int r = 0; r < 4; ++r) s.b[j][r / 2][r % 2] = both[r];
        }
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
