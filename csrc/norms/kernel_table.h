// What a CPU target supplies to the norm report: everything here is data, so that the targets share
// no code.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/reduce.h"
#include "steepest/steepest.h"

namespace steepest::norms {

// Rows that are read together: the sums of their columns are loaded and stored once for all.
inline constexpr int kGroup = 2;
// Most columns that are read at a time of all rows of a panel: rows of usual length as a whole, so
// that memory is read in its order (measured: faster than sums that stay in the first-level cache).
inline constexpr int64_t kColumns = kBlock;
// Columns that are packed at a time, a multiple of kLanes.
inline constexpr int64_t kPacked = 512;
// From row to row, which is no power of two: a packed column would meet in a few sets of the cache.
inline constexpr int64_t kPackedLd = kPacked + 16;

// The lanes of one row.
struct alignas(64) RowLanes {
    double squares[kLanes], abs[kLanes];
};

// The largest magnitudes in each lane of a vector, in T; those with a NaN before them mean nothing.
struct alignas(64) Largest {
    char lanes[64];
};

// Part of a matrix: `rows` rows of `cols` elements from (row, col) on.
struct Part {
    int64_t row, col, rows, cols;
};

// Where elements go, and what comes after them.
struct Sums {
    RowLanes* lanes;   // of the first row
    bool begins;       // what is in the lanes is to be overwritten
    double* columns;   // sums of squares
    Largest* largest;  // in T
    const void* next;  // memory that will be read soon, with rows as far apart; may lie anywhere
};

// Takes in at most kGroup rows of n elements in T, n <= kBlock, `ld` elements apart; the first is
// in lane 0.
using AddFn = void (*)(const void* x, int64_t ld, int64_t rows, int64_t n, const Sums& to);
// The sums of a row, of whose lanes the first n hold something.
using FoldFn = void (*)(RowLanes& lanes, int64_t n, double& squares, double& abs);
// Copies elements to T, kPackedLd elements from row to row, times a power of two for doubles.
using PackFn = void (*)(const steepest_matrix& matrix, const Part& part, double scale, void* to);

// T is float for all but double, index [0]; index [1] is double.
struct ReportKernels {
    AddFn add[2];
    PackFn pack[kDTypes];
    FoldFn fold;
};

}  // namespace steepest::norms
