// Sums of two matrices with the identity, and what is found in a pair of them, on a device. Tiles
// go through shared memory, so that each matrix is walked along its own memory whichever way it
// runs.
#pragma once

#include "core/math.h"
#include "polar/device/transfer.h"
#include "steps/device/phases.h"

namespace steepest::device {

// The arguments of every kernel.
struct PairPass {
    Batch shape;  // only its counts are used
    const steepest_combination* items;
    steepest_elements x, y, out;
    steepest_comparison* partial;  // by matrix, then tile
    steepest_comparison* found;    // by matrix
};

inline namespace STEEPEST_TARGET {

STEEPEST_HD STEEPEST_INLINE PolarView view_of(const void* data, const steepest_elements& e) {
    PolarView v{};
    v.data = data;
    v.row_stride = e.row_stride;
    v.col_stride = e.col_stride;
    v.dtype = e.dtype;
    return v;
}

// 2^n for a normal number.
STEEPEST_HD STEEPEST_INLINE double two_to(int32_t n) {
    return __builtin_bit_cast(double, static_cast<uint64_t>(1023 + n) << 52);
}
// In two factors, because 2^n alone may leave the range.
STEEPEST_HD STEEPEST_INLINE double times_power(double x, int32_t n) {
    const int32_t half = n / 2;
    return x * two_to(half) * two_to(n - half);
}

// A CUDA block for a tile.
struct Combine {
    using Pass = PairPass;
    static constexpr const char* kName = "sums of matrices";
    static constexpr int kPhases = 3;
    using Shared = TileMemory<double>;

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        const PolarTile tile(pass.shape, thread.block);
        const steepest_combination& item = pass.items[tile.matrix];
        if constexpr (kPhase == 0)
            take_first(pass, item, tile, thread.index, shared);
        else if constexpr (kPhase == 1)
            add_second(pass, item, tile, thread.index, shared);
        else
            put_sums(pass, item, tile, thread.index, shared);
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE void take_first(const Pass& pass,
                                                       const steepest_combination& item,
                                                       const PolarTile& tile, int32_t thread,
                                                       Shared& shared) {
        const double a = item.a;
        const int32_t power = item.x_power;
        if (item.x)
            fetch_view(view_of(item.x, pass.x), tile, thread, [&](double x, int32_t i, int32_t j) {
                shared.at[i][j] = times_power(a * x, power);
            });
        else
            tile.each(thread, true, [&](int32_t i, int32_t j) { shared.at[i][j] = 0; });
    }
    STEEPEST_HD static STEEPEST_INLINE void add_second(const Pass& pass,
                                                       const steepest_combination& item,
                                                       const PolarTile& tile, int32_t thread,
                                                       Shared& shared) {
        const double b = item.b;
        const int32_t power = item.y_power;
        if (!item.y) return;
        fetch_view(view_of(item.y, pass.y), tile, thread, [&](double y, int32_t i, int32_t j) {
            shared.at[i][j] += times_power(b * y, power);
        });
    }
    STEEPEST_HD static STEEPEST_INLINE void put_sums(const Pass& pass,
                                                     const steepest_combination& item,
                                                     const PolarTile& tile, int32_t thread,
                                                     const Shared& shared) {
        const steepest_elements& e = pass.out;
        const bool along_rows = magnitude(e.col_stride) <= magnitude(e.row_stride);
        const double c = item.c;
        with_stored(e.dtype, [&](auto* type) {
            auto* out = in_global<std::remove_pointer_t<decltype(type)>>(item.out) +
                        tile.row * e.row_stride + tile.col * e.col_stride;
            tile.each(thread, along_rows, [&](int32_t i, int32_t j) {
                double sum = shared.at[i][j];
                if (tile.row + i == tile.col + j) sum += c;
                put(sum, out[i * e.row_stride + j * e.col_stride]);
            });
        });
    }
};

STEEPEST_HD STEEPEST_INLINE void add(steepest_comparison& to, const steepest_comparison& c) {
    to.largest = c.largest > to.largest ? c.largest : to.largest;
    to.product += c.product;
    to.unequal += c.unequal;
    to.nonfinite += c.nonfinite;
}

STEEPEST_HD STEEPEST_INLINE void add_pair(steepest_comparison& to, double x, double y) {
    add(to, {absolute(x), x * y, x != y ? 1.0 : 0.0, x - x != 0 ? 1.0 : 0.0});
}

// What the threads of a CUDA block found, folded in halves, a phase for each.
inline constexpr int kFolds = 8;
static_assert(kThreads == 1 << kFolds);

template <int kFold>
STEEPEST_HD STEEPEST_INLINE void fold_found(steepest_comparison* found, int32_t thread) {
    constexpr int32_t half = kThreads >> (kFold + 1);
    if (thread < half) add(found[thread], found[thread + half]);
}

// A CUDA block for a tile.
struct Compare {
    using Pass = PairPass;
    static constexpr const char* kName = "comparison of matrices";
    static constexpr int kPhases = 3 + kFolds;
    struct Shared {
        TileMemory<double> x;
        steepest_comparison found[kThreads];
    };

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        const PolarTile tile(pass.shape, thread.block);
        if constexpr (kPhase == 0)
            fetch_view(view_of(pass.items[tile.matrix].x, pass.x), tile, thread.index,
                       [&](double x, int32_t i, int32_t j) { shared.x.at[i][j] = x; });
        else if constexpr (kPhase == 1)
            shared.found[thread.index] = look(pass, tile, thread.index, shared.x);
        else if constexpr (kPhase < 2 + kFolds)
            fold_found<kPhase - 2>(shared.found, thread.index);
        else if (thread.index == 0)
            pass.partial[thread.block] = shared.found[0];
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE steepest_comparison look(const Pass& pass,
                                                                const PolarTile& tile,
                                                                int32_t thread,
                                                                const TileMemory<double>& first) {
        steepest_comparison found = {0, 0, 0, 0};
        const void* second = pass.items[tile.matrix].y;
        if (second)
            fetch_view(view_of(second, pass.y), tile, thread,
                       [&](double y, int32_t i, int32_t j) { add_pair(found, first.at[i][j], y); });
        else
            tile.each(thread, true, [&](int32_t i, int32_t j) {
                add_pair(found, first.at[i][j], first.at[i][j]);
            });
        return found;
    }
};

// A CUDA block for a matrix: what its tiles have found.
struct FoldComparisons {
    using Pass = PairPass;
    static constexpr const char* kName = "folds of comparisons";
    static constexpr int kPhases = 2 + kFolds;
    struct Shared {
        steepest_comparison found[kThreads];
    };

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        if constexpr (kPhase == 0)
            shared.found[thread.index] = gather(pass, thread);
        else if constexpr (kPhase < 1 + kFolds)
            fold_found<kPhase - 1>(shared.found, thread.index);
        else if (thread.index == 0)
            pass.found[thread.block] = shared.found[0];
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE steepest_comparison gather(const Pass& pass,
                                                                  const Thread& thread) {
        const int64_t tiles = tiles_of(pass.shape);
        steepest_comparison found = {0, 0, 0, 0};
        for (int64_t i = thread.index; i < tiles; i += kThreads)
            add(found, pass.partial[thread.block * tiles + i]);
        return found;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
