// The sums of the rows of a tensor, a row being an index of its first axis, over the tree of
// core/reduce.h: a row that is contiguous is cut into blocks like a tensor; the rows of a
// column-major matrix are cut into blocks of kLines columns, added in order inside a block. Blocks
// are added in adjacent pairs, and so are terms over the rows.
#pragma once

#include "core/reduce.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

// Where the sums of blocks of one term lie.
struct RowParts {
    int64_t rows, cols, blocks;
    bool column_major;

    STEEPEST_HD RowParts(int64_t length, int64_t width, bool across)
        : rows(length), cols(width), blocks(blocks_of(width, across)), column_major(across) {}

    STEEPEST_HD int64_t size() const { return rows * blocks; }
    STEEPEST_HD int64_t at(int64_t row, int64_t block) const {
        return column_major ? block * rows + row : row * blocks + block;
    }
    // Folds the blocks of a row in place; the sum stays in the first.
    STEEPEST_HD double fold(double* part, int64_t row) const {
        return fold_pairs(part + at(row, 0), blocks, column_major ? rows : 1);
    }
    STEEPEST_HD double total(const double* part, int64_t row) const { return part[at(row, 0)]; }

  private:
    STEEPEST_HD static int64_t blocks_of(int64_t width, bool across) {
        const int64_t block = across ? kLines : kBlock;
        return (width + block - 1) / block;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
