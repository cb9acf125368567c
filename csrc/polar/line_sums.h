// Sums of products of two matrices along their rows or columns; squared lengths when both are one.
#pragma once

#include "core/arena.h"
#include "core/dtype.h"
#include "steepest/steepest.h"

namespace steepest::polar {

// Two matrices of the same shape as lines that lie one after the other in memory, if one of them
// does; `along` asks for one sum per line, otherwise there is one per position in a line.
struct LinePair {
    const void* x;
    const void* y;
    DType x_dtype, y_dtype;
    int64_t lines, length;
    int64_t x_line_stride, x_stride, y_line_stride, y_stride;
    bool along;

    explicit LinePair(const steepest_line_sums_args& args);
    int64_t sums() const { return along ? lines : length; }
    int64_t line_blocks() const;    // of kLines lines
    int64_t length_blocks() const;  // of kBlock elements
    int64_t partial_sums() const;   // of all blocks, before they are folded
};

// Writes sums() doubles over the trees of core/reduce.h, with room for the partial sums.
void line_sums(const LinePair& pair, double* partial, double* out);

}  // namespace steepest::polar
