// What device code reads of an orthogonalisation. All pointers in it are device pointers.
#pragma once

#include "polar/products.h"
#include "steps/device/descriptors.h"

namespace steepest::device {

using polar::Batch;

// A matrix of the caller, as polar::View, and the norm that it is divided by where that is given:
// scaled / power, the latter a power of two.
struct PolarView {
    const void* data;
    void* result;
    int64_t row_stride, col_stride;
    int64_t result_row_stride, result_col_stride;
    double given, given_power;
    int32_t dtype;  // steepest::DType, of both
};

// Elements are multiplied by both, in this order: the first brings them near 1.
struct PolarScale {
    double power, factor;
};

// Sums of squares of the elements that are too small to be squared in double, of others, and of
// those that are too large, each by its own power of two.
struct NormSums {
    double tiny, middle, huge;
};

// The arguments of every kernel; which of them it reads depends on the kernel.
struct PolarPass {
    const PolarView* views;
    PolarScale* scales;  // by matrix
    NormSums* partial;   // by matrix, then tile
    double* lines;       // by matrix, then row: sums, and then what rows are multiplied by
    Batch from, to, low;
    double value;  // safety, or what is added to the diagonal
    bool is_set;   // bound norms instead of Frobenius norms; sums of squares instead of magnitudes;
                   // factors of rows and columns instead of rows
};

}  // namespace steepest::device
