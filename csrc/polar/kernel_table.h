// What a CPU target supplies to the products: packing, the product of two panels, and the finish of
// a block. Everything here is data, so that the targets share no code.
//
// A panel is `panel` rows of A, or columns of B, over one block of the inner dimension, stored as
// units[inner][panel] and padded with zeros: both operands of A A^T are then the same panels. A
// unit is one element, or a pair of bfloat16 elements that follow each other along the inner
// dimension. A block is the product of two panels, panel x panel accumulators.
#pragma once

#include <cstdint>

#include "polar/products.h"

namespace steepest::polar {

// By the type of A; and of float with sums in double.
inline constexpr int kOperands = 4, kLongSums = 3;
inline constexpr int kLargestBlock = 8192;  // bytes

struct Extent {
    int rows, cols;
    bool lower;  // only elements on and below the diagonal are needed
};

// Turns the accumulators of a block into elements of C.
struct Finish {
    void* block;
    Extent extent;
    bool diagonal;  // the block holds part of the main diagonal
    Update update;
    const void* d;  // null when absent
    int64_t d_ld;
    Type d_type;
    void* c;
    void* mirror;  // where the transposed block goes, or null
    int64_t c_ld;
    Type c_type;
    ByProducts* sums;  // of this block alone and counted once, or null
};

// `source` is the first element of the panel: `count` rows (or columns) of `inner` elements.
using PackFn = void (*)(const void* source, int64_t ld, int64_t count, int64_t inner, void* panel);
// Sets the block, or adds to it. `next` is a panel that is wanted soon: it is prefetched.
using MultiplyFn = void (*)(const void* left, const void* right, int64_t units,
                            const Extent& extent, bool add, const void* next, void* block);
using FinishFn = void (*)(const Finish& finish);

struct OperandKernels {
    int panel;
    int unit;        // elements in a unit
    int unit_bytes;  // of packed data
    int accumulator_bytes;
    PackFn pack_rows;
    PackFn pack_columns;
    MultiplyFn multiply;
    FinishFn finish;
};

struct ProductKernels {
    OperandKernels operand[kOperands];
};

}  // namespace steepest::polar
