// Sums over a chunk of a matrix: panels of kLines rows, as many as fold by themselves on the trees
// of the rows and of the columns. A chunk begins at a multiple of its size, a power of two of
// panels, so how a matrix is cut changes no bit.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "norms/kernel_table.h"

namespace steepest::norms {

// Most rows of a chunk, kLines times a power of two.
inline constexpr int64_t kMostLines = 32 * kLines;

struct Source {
    const steepest_matrix* matrix;
    double scale;  // a power of two; other than 1 for double only
    const ReportKernels* kernels;
};

// What a chunk gives besides the sums of its columns. With a NaN in it, largest values mean
// nothing.
struct ChunkSums {
    double squares, abs, row_norms, max_row, max_abs;
};

// Vectors of sums of columns that wait to be folded, of chunks of at most `rows` rows.
inline int64_t panel_vectors(int64_t rows) {
    return std::bit_width(static_cast<uint64_t>(rows / kLines));
}

// Memory of one thread for matrices of at most `cols` columns and chunks whose sums of columns that
// wait are at most `columns` together.
class Scratch {
  public:
    Scratch(int64_t cols, int64_t columns);

    RowLanes* lanes() const { return lanes_.get(); }
    void* packed() const { return packed_.get(); }
    double* block_squares() const { return block_squares_.get(); }
    double* block_abs() const { return block_abs_.get(); }
    double* row_squares() const { return row_squares_.get(); }
    double* row_abs() const { return row_abs_.get(); }
    double* columns() const { return columns_.get(); }
    double* some_columns() const { return some_columns_->sums; }

  private:
    // Where the sums of the columns that are read at a time grow.
    struct alignas(64) SomeColumns {
        double sums[kColumns];
    };

    std::unique_ptr<RowLanes[]> lanes_;
    std::unique_ptr<SomeColumns> some_columns_;
    std::unique_ptr<double[]> packed_, block_squares_, block_abs_, row_squares_, row_abs_, columns_;
};

// Rows [begin, end). `columns` receives the sums of squares of the columns.
ChunkSums sum_chunk(const Source& source, int64_t begin, int64_t end, const Scratch& scratch,
                    double* columns);

}  // namespace steepest::norms
