// What a CPU target supplies to rank-one updates of a symmetric matrix: data, so that the targets
// share no code.
#pragma once

#include <cstdint>

namespace steepest::curvature {

// Rows whose dot products are taken together, so that the vector is loaded once for all.
inline constexpr int kRowGroup = 2;

// Dot products of at most kRowGroup rows of n <= kBlock elements in T, `ld` elements apart, with a
// vector in double: one block of the fixed tree. That of row r goes to sums[r * stride].
using DotsFn = void (*)(const void* rows, int64_t ld, int64_t count, const double* vector,
                        int64_t n, double* sums, int64_t stride);
// What becomes of a row: x = scale x + factor vector, `scale` and `factor` in T.
struct RowUpdate {
    double scale, factor;
    const void* vector;
};
// Updates n elements of a row. `largest` takes in their magnitudes, as bits in T: they are in the
// order of the magnitudes, and NaN comes after all.
using UpdateFn = void (*)(void* row, const RowUpdate& update, int64_t n, uint64_t* largest);
// The magnitudes alone.
using LargestFn = void (*)(const void* row, int64_t n, uint64_t* largest);

// Index [0] is float, [1] is double.
struct RankOneKernels {
    DotsFn dots[2];
    UpdateFn update[2];
    LargestFn largest[2];
};

}  // namespace steepest::curvature
