// What a CPU target supplies to rank-one updates of a symmetric matrix: data, so that the targets
// share no code.
#pragma once

#include <cstdint>

namespace steepest::curvature {

// Rows that are worked on together: the vector is loaded once for all, and as many streams keep the
// memory busier than one does (measured on Zen 3: a third faster than single rows).
inline constexpr int kRowGroup = 4;

// A tile of the matrix: at most kRowGroup rows of n elements in T, `ld` elements apart. The one
// that comes next lies `next` elements further on and is asked for meanwhile: beside the loads of
// the vector and the lanes, processors do not foresee rows far enough (measured on Zen 4: F v takes
// a third less time).
struct Rows {
    void* data;
    int64_t ld, count, n;
    int64_t next = 0;
};

// Dot products of rows of n <= kBlock elements with a vector in double: one block of the fixed
// tree. That of row r goes to sums[r * stride].
using DotsFn = void (*)(const Rows& rows, const double* vector, double* sums, int64_t stride);
// What becomes of row r: x = scale x + factors[r] vector, all in T, plus `identity` in its diagonal
// element, the one of column diagonal + r where the tile has that.
struct RowUpdate {
    double scale, identity;
    const void* factors;
    const void* vector;
    int64_t diagonal;
};
// Updates rows. `largest` takes in their magnitudes, as bits in T: they are in the order of the
// magnitudes, and NaN comes after all.
using UpdateFn = void (*)(const Rows& rows, const RowUpdate& update, uint64_t* largest);
// The magnitudes alone.
using LargestFn = void (*)(const void* row, int64_t n, uint64_t* largest);

// Index [0] is float, [1] is double.
struct RankOneKernels {
    DotsFn dots[2];
    UpdateFn update[2];
    LargestFn largest[2];
};

}  // namespace steepest::curvature
