// Sums of products of two matrices along their lines, or across them, on a device.
#pragma once

#include <type_traits>

#include "polar/elements.h"
#include "polar/line_sums.h"
#include "steps/device/phases.h"

namespace steepest::device {

// The arguments of every kernel.
struct LineSumsPass {
    polar::LinePair pair;
    int64_t line_blocks, length_blocks;
    double* partial;  // sums of blocks
    double* out;
};

inline namespace STEEPEST_TARGET {

// Elements of a known storage type, and of one that is looked at each time.
template <class S>
struct Stored {
    using Raw = S;
    const void* data;
    STEEPEST_HD STEEPEST_INLINE S fetch(int64_t i) const { return static_cast<const S*>(data)[i]; }
};
struct AnyStored {
    using Raw = double;
    const void* data;
    DType dtype;
    STEEPEST_HD STEEPEST_INLINE double fetch(int64_t i) const {
        double value = 0;
        polar::with_type(dtype, [&](auto* type) {
            using S = std::remove_pointer_t<decltype(type)>;
            value = polar::decode(static_cast<const S*>(data)[i]);
        });
        return value;
    }
};

// Calls f(elements of x, elements of y).
template <class F>
STEEPEST_HD STEEPEST_INLINE void with_elements(const polar::LinePair& p, F&& f) {
    polar::with_type(p.x_dtype, [&](auto* type) {
        using S = std::remove_pointer_t<decltype(type)>;
        if (p.x_dtype == p.y_dtype)
            f(Stored<S>{p.x}, Stored<S>{p.y});
        else
            f(Stored<S>{p.x}, AnyStored{p.y, p.y_dtype});
    });
}

// A warp for a block of a line.
struct SumAlong {
    using Pass = LineSumsPass;
    static constexpr const char* kName = "sums along lines";
    static constexpr int kPhases = 2;
    struct Shared {
        double sum[kThreads];
    };

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        const int64_t number = int64_t{thread.block} * kWarps + thread.index / kWarp;
        if (number >= pass.pair.lines * pass.length_blocks) return;
        if constexpr (kPhase == 0)
            shared.sum[thread.index] = take(pass, number, thread.lane());
        else if (thread.lane() == 0)
            pass.partial[number] = fold_lanes(shared.sum + thread.index, kWarp);
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE double take(const Pass& pass, int64_t number, int32_t lane) {
        const polar::LinePair& p = pass.pair;
        const int64_t line = number / pass.length_blocks;
        const int64_t first = number % pass.length_blocks * kBlock;
        const int64_t n = p.length - first < kBlock ? p.length - first : kBlock;
        const int64_t x_at = line * p.x_line_stride + first * p.x_stride;
        const int64_t y_at = line * p.y_line_stride + first * p.y_stride;
        double held[kHeld] = {};
        with_elements(p, [&](auto x, auto y) {
            typename decltype(x)::Raw a[16];
            typename decltype(y)::Raw b[16];
            each_lane<kWarp>(
                n, lane,
                [&](int k, int64_t i) {
                    a[k] = x.fetch(x_at + i * p.x_stride);
                    b[k] = y.fetch(y_at + i * p.y_stride);
                },
                [&](int to, int k, int64_t) {
                    held[to] += polar::decode(a[k]) * polar::decode(b[k]);
                });
        });
        return fold_mine(held);
    }
};

// A thread for a position in a block of kLines lines.
struct SumAcross {
    using Pass = LineSumsPass;
    static constexpr const char* kName = "sums across lines";
    static constexpr int kPhases = 1;
    using Shared = Nothing;

    // CUDA blocks for the positions of a block of lines.
    STEEPEST_HD static int64_t chunks(int64_t length) { return (length + kThreads - 1) / kThreads; }

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared&) {
        const polar::LinePair& p = pass.pair;
        const int64_t line_block = thread.block / chunks(p.length);
        const int64_t i = thread.block % chunks(p.length) * kThreads + thread.index;
        if (i >= p.length) return;
        const int64_t begin = line_block * kLines;
        const int64_t end = begin + kLines < p.lines ? begin + kLines : p.lines;
        double sum = 0;
        with_elements(p, [&](auto x, auto y) { sum = added(p, x, y, i, begin, end); });
        pass.partial[line_block * p.length + i] = sum;
    }

  private:
    template <class X, class Y>
    STEEPEST_HD static STEEPEST_INLINE double added(const polar::LinePair& p, const X& x,
                                                    const Y& y, int64_t i, int64_t begin,
                                                    int64_t end) {
        constexpr int kAhead = 8;
        double sum = 0;
        for (int64_t line = begin; line < end; line += kAhead) {
            typename X::Raw a[kAhead] = {};
            typename Y::Raw b[kAhead] = {};
            STEEPEST_UNROLL
            for (int k = 0; k < kAhead; ++k) {
                if (line + k >= end) continue;
                a[k] = x.fetch((line + k) * p.x_line_stride + i * p.x_stride);
                b[k] = y.fetch((line + k) * p.y_line_stride + i * p.y_stride);
            }
            STEEPEST_UNROLL
            for (int k = 0; k < kAhead; ++k)
                if (line + k < end) sum += polar::decode(a[k]) * polar::decode(b[k]);
        }
        return sum;
    }
};

// A thread for a sum: its blocks in adjacent pairs.
struct FoldSums {
    using Pass = LineSumsPass;
    static constexpr const char* kName = "folds of sums of lines";
    static constexpr int kPhases = 1;
    using Shared = Nothing;

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared&) {
        const polar::LinePair& p = pass.pair;
        const int64_t i = thread.global();
        if (i >= (p.along ? p.lines : p.length)) return;
        pass.out[i] = p.along
                          ? fold_pairs(pass.partial + i * pass.length_blocks, pass.length_blocks)
                          : fold_pairs(pass.partial + i, pass.line_blocks, p.length);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
