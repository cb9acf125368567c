// Step 3 of core/reduce.h for rows so short that several fit into the lanes, one after the other.
#pragma once

#include "core/reduce.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

// n doubles that the processor treats as one or as few as it can.
template <int n>
struct Doubles {
    typedef double Vector __attribute__((vector_size(n * sizeof(double))));
    Vector v;

    STEEPEST_INLINE explicit Doubles(const double* from) { __builtin_memcpy(&v, from, sizeof v); }
    STEEPEST_INLINE void store(double* to) const { __builtin_memcpy(to, &v, sizeof v); }
};
template <>
struct Doubles<1> {
    double v;

    STEEPEST_INLINE explicit Doubles(const double* from) : v(*from) {}
    STEEPEST_INLINE void store(double* to) const { *to = v; }
};

struct Sum {
    template <int n>
    STEEPEST_INLINE static void take(Doubles<n>& a, const Doubles<n>& b) {
        a.v = a.v + b.v;
    }
};
// NaN where either is.
struct Largest {
    template <int n>
    STEEPEST_INLINE static void take(Doubles<n>& a, const Doubles<n>& b) {
        a.v = (a.v > b.v) | (a.v != a.v) ? a.v : b.v;
    }
};

// to[l] becomes a[l] with b[l], which may be where a is.
template <class Op, int n>
STEEPEST_INLINE void join(const double* a, const double* b, double* to) {
    constexpr int kWide = n < 8 ? n : 8;
    for (int l = 0; l < n; l += kWide) {
        Doubles<kWide> x(a + l);
        Op::template take<kWide>(x, Doubles<kWide>(b + l));
        x.store(to + l);
    }
}
template <class Op>
STEEPEST_INLINE void join(const double* a, const double* b, double* to, int n) {
    int l = 0;
    for (; l + 8 <= n; l += 8) join<Op, 8>(a + l, b + l, to + l);
    for (; l < n; ++l) join<Op, 1>(a + l, b + l, to + l);
}

// Folds rows of 2 half numbers to rows of `half`, in place, and so on.
template <class Op, int half>
STEEPEST_INLINE void fold_halves(double* lane, int rows) {
    if constexpr (half > 0) {
        for (int r = 0; r < rows; ++r)
            join<Op, half>(lane + 2 * r * half, lane + (2 * r + 1) * half, lane + r * half);
        fold_halves<Op, half / 2>(lane, rows);
    }
}

// The first level of a width that is no power of two: what is beyond it is not there, as if it were
// 0. Returns the width after it.
template <class Op>
STEEPEST_INLINE int fold_first(double* lane, int rows, int width) {
    int half = 1;
    while (2 * half < width) half *= 2;
    const int both = width - half;  // elements that have a partner
    for (int r = 0; r < rows; ++r) {
        const double* row = lane + r * width;
        double first[kLanes / 2];
        __builtin_memcpy(first, row, static_cast<unsigned>(half) * sizeof(double));
        join<Op>(first, row + half, first, both);
        __builtin_memcpy(lane + r * half, first, static_cast<unsigned>(half) * sizeof(double));
    }
    return half;
}

template <class Op>
STEEPEST_INLINE void fold_from(double* lane, int rows, int width) {
    switch (width) {
        case 128:
            return fold_halves<Op, 64>(lane, rows);
        case 64:
            return fold_halves<Op, 32>(lane, rows);
        case 32:
            return fold_halves<Op, 16>(lane, rows);
        case 16:
            return fold_halves<Op, 8>(lane, rows);
        case 8:
            return fold_halves<Op, 4>(lane, rows);
        case 4:
            return fold_halves<Op, 2>(lane, rows);
        case 2:
            return fold_halves<Op, 1>(lane, rows);
        default:
            return;
    }
}

// Leaves the result of row r in lane[r]. `width` is at most kLanes. Before, `across`, unless null,
// takes in the rows one after the other.
template <class Op>
void fold_rows(double* lane, int rows, int width, double* across) {
    for (int r = 0; across && r < rows; ++r) join<Op>(across, lane + r * width, across, width);
    const bool is_power = (width & (width - 1)) == 0;
    fold_from<Op>(lane, rows, is_power ? width : fold_first<Op>(lane, rows, width));
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
