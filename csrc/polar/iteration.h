// Newton-Schulz iterations on matrices of one shape, on the CPU.
#pragma once

#include <cstdint>
#include <vector>

#include "polar/program.h"
#include "polar/view.h"

namespace steepest::polar {

// Matrices of equal shape and method.
struct Group {
    int64_t rows, cols;
    steepest_polar_method method;
    std::vector<View> views;
    std::vector<double> bounds;

    Problem problem(int64_t count) const { return {rows, cols, method, count}; }
};

size_t workspace_bytes(const Group& group, const Program& program);
void orthogonalize(const Group& group, const Program& program, void* workspace);

}  // namespace steepest::polar
