// How a product is cut: C into blocks of panel x panel, blocks into chunks that one thread computes
// at a time, the inner dimension into parts that are packed and multiplied one after the other, and
// C of a general product into slabs of columns, which bound the scratch memory.
#pragma once

#include <algorithm>
#include <cstdint>

#include "polar/kernel_table.h"

namespace steepest::polar {

inline constexpr int64_t kInnerUnits = 512;
inline constexpr int64_t kSlabBlocks = 32;
inline constexpr int64_t kMaxChunks = 1024;
inline constexpr int64_t kChunkSide = 4;

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }

// The inner dimension in equal parts of whole units. Depends on nothing but its length and the
// target, since it decides the order of the sums.
struct Inner {
    int64_t length, parts, step;

    Inner(int64_t k, const OperandKernels& kernels) : length(k) {
        const int64_t units = std::max<int64_t>(divide_up(k, kernels.unit), 1);
        step = divide_up(units, divide_up(units, kInnerUnits)) * kernels.unit;
        parts = divide_up(units * kernels.unit, step);
    }
    int64_t begin(int64_t part) const { return part * step; }
    int64_t size(int64_t part) const { return std::min(step, length - begin(part)); }
};

// The blocks of C, all of them or those on and below the diagonal.
struct Grid {
    int64_t rows, cols;
    bool lower;

    int64_t count() const { return lower ? rows * (rows + 1) / 2 : rows * cols; }
    int64_t index(int64_t i, int64_t j) const { return lower ? i * (i + 1) / 2 + j : i * cols + j; }
};

// The chunks of a grid: squares of `side` blocks, as large as leaves several to each thread.
struct Chunks {
    Grid blocks, squares;
    int64_t side;

    struct Range {
        int64_t row, row_end, col, col_end;
    };

    Chunks(const Grid& grid, int threads) : blocks(grid), side(kChunkSide) {
        constexpr int64_t per_thread = 16;
        cut();
        while (side > 1 && threads > 1 && squares.count() < per_thread * threads) --side, cut();
        while (squares.count() > kMaxChunks) ++side, cut();
    }
    Range range(int64_t chunk) const {
        int64_t i = 0;
        while (squares.index(i + 1, 0) <= chunk) ++i;
        const int64_t j = chunk - squares.index(i, 0);
        return {i * side, std::min(blocks.rows, (i + 1) * side), j * side,
                std::min(blocks.cols, (j + 1) * side)};
    }

  private:
    void cut() {
        squares = {divide_up(blocks.rows, side), divide_up(blocks.cols, side), blocks.lower};
    }
};

}  // namespace steepest::polar
