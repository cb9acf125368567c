// Newton-Schulz iterations on a batch of matrices of one shape, over the products.
#pragma once

#include <cstdint>
#include <vector>

#include "core/arena.h"
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

// Matrices that are iterated on together, of equal shape and method.
struct Group {
    int64_t rows, cols;
    steepest_polar_method method;
    std::vector<View> views;
    std::vector<double> bounds;
};

// What a group needs while it runs, cut from an arena.
struct Buffers {
    Batch x, next;        // the iterate, and where the next one goes
    Batch wide;           // of that shape, in float
    Batch r, z, q, w;     // square: Gram matrix, its polynomial, the accumulated factor, spare
    Batch q_high, q_low;  // the factor as the sum of two
    void* scratch_memory = nullptr;
    size_t scratch_size = 0;

    Arena scratch() const { return {scratch_memory, scratch_size}; }
};

Buffers take_buffers(const Group& group, const Program& program, Arena& arena);
void orthogonalize(const Group& group, const Program& program, Buffers& buffers);

}  // namespace steepest::polar
