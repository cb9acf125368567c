// How the eight warps of a block share a square of sums on tensor cores: two by four, each with its
// fragments in registers, and operands in shared memory.
#pragma once

#include "polar/device/mma.h"
#include "polar/device/staging.h"
#include "polar/device/unrolled.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// What a thread holds of the sums, and of the operands of one step along the inner dimension.
template <int kDown, int kAcross>
struct MmaFragments {
    float c[kDown][kAcross][4];
    uint32_t a[kDown][4], b[kAcross / 2][2][2];

    STEEPEST_HD STEEPEST_INLINE void clear() {
        unrolled<kDown, kAcross>([&](int i, int j) {
            STEEPEST_UNROLL
            for (int r = 0; r < 4; ++r) c[i][j][r] = 0;
        });
    }
};

// On the host: the product of the fragments (i, j) by all warps, of(thread) being what each holds.
template <class Half, class Of>
STEEPEST_INLINE void emulate_warps(int threads, int i, int j, Of&& of) {
    for (int warp = 0; warp < threads; warp += 32)
        emulate_multiply_add<Half>([&](int lane) { return of(warp + lane).a[i]; },
                                   [&](int lane) { return of(warp + lane).b[j / 2][j % 2]; },
                                   [&](int lane) { return of(warp + lane).c[i][j]; });
}

template <int kSide>
struct MmaWarps {
    static constexpr int kWarpsDown = 2, kWarpsAcross = 4;
    static constexpr int kRows = kSide / kWarpsDown, kCols = kSide / kWarpsAcross;  // of a warp
    static constexpr int kDown = kRows / 16, kAcross = kCols / 8;                   // fragments
    static constexpr int kInner = 16;                                               // of a step
    using Fragments = MmaFragments<kDown, kAcross>;

    // The first element of the thread's warp.
    STEEPEST_HD static STEEPEST_INLINE int row_of(int thread) {
        return thread / 32 / kWarpsAcross * kRows;
    }
    STEEPEST_HD static STEEPEST_INLINE int col_of(int thread) {
        return thread / 32 % kWarpsAcross * kCols;
    }

    // The step-th kInner halves of the warp's rows, which begin kStride bytes apart.
    template <int kStride>
    STEEPEST_HD static STEEPEST_INLINE void load_left(int thread, const char* left, int step,
                                                      Fragments& to) {
        STEEPEST_UNROLL
        for (int i = 0; i < kDown; ++i)
            load_matrices<false>(
                thread % 32,
                [&](int l) {
                    return left + (row_of(thread) + 16 * i + l % 16) * kStride +
                           (2 * step + l / 16) * kPiece;
                },
                to.a[i]);
    }

    // The same of the right operand, two fragments side by side at a time: of B by rows of the
    // inner dimension, or of its transpose.
    template <bool kColumns, int kStride>
    STEEPEST_HD static STEEPEST_INLINE void load_right(int thread, const char* right, int step,
                                                       Fragments& to) {
        STEEPEST_UNROLL
        for (int j = 0; j < kAcross / 2; ++j) {
            const int first = col_of(thread) + 16 * j;
            uint32_t both[4];
            load_matrices<kColumns>(
                thread % 32,
                [&](int l) {
                    const int row = l % 8, second = l / 16, lower = l / 8 % 2;
                    if constexpr (kColumns)
                        return right + (kInner * step + 8 * lower + row) * kStride +
                               (first + 8 * second) * static_cast<int>(sizeof(uint16_t));
                    else
                        return right + (first + 8 * second + row) * kStride +
                               (2 * step + lower) * kPiece;
                },
                both);
            STEEPEST_UNROLL
            for (int r = 0; r < 4; ++r) to.b[j][r / 2][r % 2] = both[r];
        }
    }

    // Calls f(row, col, sum, right) for the thread's sums, two neighbours at a time.
    template <class F>
    STEEPEST_HD static STEEPEST_INLINE void each_pair(int thread, const Fragments& s, F&& f) {
        const int lane = thread % 32;
        const int row = row_of(thread) + lane / 4, col = col_of(thread) + lane % 4 * 2;
        unrolled<kDown, kAcross>([&](int i, int j) {
            STEEPEST_UNROLL
            for (int r = 0; r < 4; r += 2)
                f(row + 16 * i + 4 * r, col + 8 * j, s.c[i][j][r], s.c[i][j][r + 1]);
        });
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
