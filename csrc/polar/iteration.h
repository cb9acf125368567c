// Newton-Schulz iterations on matrices of one shape, over the products.
#pragma once

#include <cstdint>
#include <vector>

#include "polar/view.h"

namespace steepest::polar {

struct Program {
    int32_t steps;
    const double* coefficients;  // a, b, c of each step
    const int32_t* restarts;
    int32_t restart_count;
    steepest_normalization normalization;
    double safety;
    Type type;  // of the operands

    const double* step(int32_t t) const { return coefficients + 3 * t; }
    bool restarts_after(int32_t t) const;
};

// Matrices of equal shape and method.
struct Group {
    int64_t rows, cols;
    steepest_polar_method method;
    std::vector<View> views;
    std::vector<double> bounds;
};

size_t workspace_bytes(const Group& group, const Program& program);
void orthogonalize(const Group& group, const Program& program, void* workspace);

}  // namespace steepest::polar
