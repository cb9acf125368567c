// What device code reads of the matrices of a norm report.
#pragma once

#include <cstdint>

#include "steepest/steepest.h"

namespace steepest::device {

struct ReportMatrix {
    steepest_matrix matrix;
    int64_t panels;       // of kLines rows
    int64_t blocks;       // of the tree, along a row
    double* block_sums;   // of each block of each row: squares, and behind those of all, magnitudes
    double* row_sums;     // of each row: squares, magnitudes, norm, each behind those of all
    double* column_sums;  // of squares, of each column of each panel
    double* column_norms;
    double* most;   // the largest magnitude of each block of each panel
    double* scale;  // that doubles are multiplied by when they are read again
    int64_t order;  // position in the caller's list
};

// The arguments of every kernel.
struct ReportPass {
    const ReportMatrix* matrices;
    const int32_t* first;                 // CUDA blocks before each matrix, matrices + 1 numbers
    steepest_norm_report_values* values;  // one per matrix of the caller
    int32_t count;                        // of matrices
    bool again;                           // only those whose scale is not 1
};

}  // namespace steepest::device
