// A tile of C on the arithmetic units: each thread has a square of elements, 16 apart, and goes
// through the inner dimension in order, one fused multiply-add after the other. So every element
// has the same bits whatever the size of the tile, on a device and on the host.
#pragma once

#include "polar/device/staging.h"
#include "polar/device/unrolled.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

STEEPEST_HD STEEPEST_INLINE float fused(float a, float b, float c) {
#ifdef __CUDA_ARCH__
    return __fmaf_rn(a, b, c);
#else
    return __builtin_fmaf(a, b, c);
#endif
}
STEEPEST_HD STEEPEST_INLINE double fused(double a, double b, double c) {
#ifdef __CUDA_ARCH__
    return __fma_rn(a, b, c);
#else
    return __builtin_fma(a, b, c);
#endif
}

// The sums of a thread; those of long runs besides where they are of another type.
template <class E, class Total, int kMicro>
struct FmaSums {
    E run[kMicro][kMicro];
    Total total[kMicro][kMicro];

    STEEPEST_HD STEEPEST_INLINE void clear() {
        unrolled<kMicro, kMicro>([&](int i, int j) {
            run[i][j] = 0;
            total[i][j] = 0;
        });
    }
    STEEPEST_HD STEEPEST_INLINE void end_run() {
        unrolled<kMicro, kMicro>([&](int i, int j) {
            total[i][j] += static_cast<Total>(run[i][j]);
            run[i][j] = 0;
        });
    }
    STEEPEST_HD STEEPEST_INLINE Total value(int i, int j) const { return total[i][j]; }
};

template <class E, int kMicro>
struct FmaSums<E, E, kMicro> {
    E run[kMicro][kMicro];

    STEEPEST_HD STEEPEST_INLINE void clear() {
        unrolled<kMicro, kMicro>([&](int i, int j) { run[i][j] = 0; });
    }
    STEEPEST_HD STEEPEST_INLINE void end_run() {}
    STEEPEST_HD STEEPEST_INLINE E value(int i, int j) const { return run[i][j]; }
};

// E: the type of the operands, Total: of the sums.
template <class E, class Total, int kSide, bool kHasColumns>
class FmaTile {
    static constexpr int kAcross = 16;  // threads side by side
    static constexpr int kMicro = kSide / kAcross;

  public:
    using Element = E;
    using Sum = Total;
    using State = FmaSums<E, Total, kMicro>;
    static constexpr int kTile = kSide;
    static constexpr bool kColumns = kHasColumns;
    static constexpr int kStages = 2;
    static constexpr int kSlabRows = 32;

    template <class Block>
    STEEPEST_HD static STEEPEST_INLINE void multiply(Block& block, const char* left,
                                                     const char* right, int64_t part) {
        constexpr int kRun = static_cast<int>(polar::kShortRun) / kDepth<E>;  // parts
        block.each([&](int thread, auto& held) {
            add(thread, left, right, held.state);
            if (static_cast<uint32_t>(part) % kRun == kRun - 1) held.state.end_run();
        });
    }

    // The thread's elements in a slab of kSlabRows rows.
    STEEPEST_HD static STEEPEST_INLINE void put(int thread, const State& sums, int slab,
                                                Sum* memory) {
        const int y = thread / kAcross, x = thread % kAcross;
        STEEPEST_UNROLL
        for (int i = 0; i < kMicro; ++i) {
            if (i * kAcross / kSlabRows != slab) continue;
            Sum* row = memory + (i * kAcross % kSlabRows + y) * (kTile + 1) + x;
            STEEPEST_UNROLL
            for (int j = 0; j < kMicro; ++j) row[j * kAcross] = sums.value(i, j);
        }
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE void add(int thread, const char* left, const char* right,
                                                State& sums) {
        const int y = thread / kAcross, x = thread % kAcross;
        // More pieces at a time would need more registers.
        STEEPEST_ROLLED
        for (int p = 0; p < kPieces; ++p) {
            Piece<E> a[kMicro];
            STEEPEST_UNROLL
            for (int i = 0; i < kMicro; ++i)
                a[i] = piece_at<E>(left + (y + i * kAcross) * kRowBytes + p * kPiece);
            STEEPEST_UNROLL
            for (int j = 0; j < kMicro; ++j) {
                const Piece<E> b = right_piece(right, p, x + j * kAcross);
                unrolled<kPieceOf<E>, kMicro>([&](int k, int i) {
                    sums.run[i][j] = fused(a[i].v[k], b.v[k], sums.run[i][j]);
                });
            }
        }
    }

    STEEPEST_HD static STEEPEST_INLINE Piece<E> right_piece(const char* right, int p, int column) {
        if constexpr (!kColumns) {
            return piece_at<E>(right + column * kRowBytes + p * kPiece);
        } else {
            Piece<E> b;
            const int at = column * static_cast<int>(sizeof(E));
            STEEPEST_UNROLL
            for (int k = 0; k < kPieceOf<E>; ++k)
                b.v[k] = *reinterpret_cast<const E*>(
                    right + (p * kPieceOf<E> + k) * kColumnBytes<E, kTile> + at);
            return b;
        }
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
