// What a CPU target supplies to rank-one updates of a symmetric matrix: data, so that the targets
// share no code.
#pragma once

#include <cstdint>

namespace steepest::curvature {

// Rows that are worked on together: the vector is loaded once for all, and as many streams keep the
// memory busier than one does (measured on Zen 3: a third faster than single rows).
inline constexpr int kRowGroup = 4;

// At most kRowGroup rows of n elements in T, `ld` elements apart.
struct Rows {
    void* data;
    int64_t ld, count, n;
};

// Dot products of rows of n <= kBlock elements with a vector in double: one block of the fixed
// tree. That of row r goes to sums[r * stride].
using DotsFn = void (*)(const Rows& rows, const double* vector, double* sums, int64_t stride);
// What becomes of row r: x = scale x + factors[r] vector, all in T.
struct RowUpdate {
    double scale;
    const void* factors;
    const void* vector;
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
