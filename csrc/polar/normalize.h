// Rows, columns or whole matrices over their norms: the linear minimisation oracles that need no
// singular values.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "steepest/steepest.h"

namespace steepest::polar {

// A matrix as lines, each of which has a norm: its rows, its columns, or its rows when there is one
// norm for all.
struct Lines {
    const steepest_normalized* item;
    const void* data;
    void* result;
    int64_t lines, length;
    int64_t line_stride, stride;  // from line to line, along a line
    int64_t result_line_stride, result_stride;
    DType dtype;

    explicit Lines(const steepest_normalized& n);
    bool side_by_side() const;  // neighbours in memory belong to different lines
};

// Sums of squares of lines [begin, end), each over the tree of core/reduce.h along the line, so
// that they do not depend on the layout. power[line] is a power of two that elements are multiplied
// by first; `sums` begins with that of line 0.
void sum_squares(const Lines& m, const double* power, int64_t begin, int64_t end, double* sums);

// The largest magnitude in lines [begin, end); NaN where an element is no finite number.
double largest_magnitude(const Lines& m, int64_t begin, int64_t end);

// result = factor[line] (power[line] x), or with no factors scale sign(x) or scale x, for lines
// [begin, end).
void write_lines(const Lines& m, const double* power, const double* factor, int64_t begin,
                 int64_t end);

// All of them.
void normalize(const std::vector<Lines>& all);

}  // namespace steepest::polar
