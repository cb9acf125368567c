#include "norms/panel.h"

#include <algorithm>
#include <cmath>

namespace steepest::norms {
namespace {

int64_t blocks_of(int64_t cols) { return (cols + kBlock - 1) / kBlock; }

// Where elements of a matrix are read: in the matrix itself, or packed.
struct Rows {
    const char* at;
    int64_t ld;  // elements from row to row
};

// The walk over one panel, kBlock columns at a time.
class Panel {
  public:
    Panel(const Source& source, const Scratch& scratch, double* columns)
        : source_(source),
          m_(*source.matrix),
          scratch_(scratch),
          columns_(columns),
          is_f64_(m_.dtype == static_cast<int32_t>(DType::f64)),
          is_direct_(m_.col_stride == 1 && source.scale == 1 &&
                     (is_f64_ || m_.dtype == static_cast<int32_t>(DType::f32))) {}

    // Rows [begin, end); the sums of each go to squares and abs. Returns the largest magnitude.
    double sum(int64_t begin, int64_t end, double* squares, double* abs) {
        std::fill_n(columns_, m_.cols, 0.0);
        const int64_t blocks = blocks_of(m_.cols), step = rows_together();
        for (int64_t b = 0; b < blocks; ++b)
            for (int64_t row = begin; row < end; row += step)
                sum_block(row, std::min(step, end - row), b, blocks, row - begin);
        for (int64_t i = 0; i < end - begin; ++i) {
            squares[i] = fold_pairs(scratch_.block_squares() + i * blocks, blocks);
            abs[i] = fold_pairs(scratch_.block_abs() + i * blocks, blocks);
        }
        return largest_;
    }

  private:
    // A panel whose columns lie side by side is packed as a whole: a line of the cache holds
    // elements of many of its rows.
    int64_t rows_together() const {
        return std::abs(m_.row_stride) < std::abs(m_.col_stride) ? kLines : kGroup;
    }

    // Block b of `rows` rows, of which the first is row `local` of the panel.
    void sum_block(int64_t row, int64_t rows, int64_t b, int64_t blocks, int64_t local) {
        const int64_t begin = b * kBlock, end = std::min(begin + kBlock, m_.cols);
        const int64_t step = is_direct_ ? kBlock : kPacked;
        for (int64_t j = begin; j < end; j += step)
            sum_part({row, j, rows, std::min(step, end - j)}, j == begin);
        const int64_t to = local * blocks + b;
        source_.kernels->fold(scratch_.lanes(), rows, end - begin, blocks,
                              scratch_.block_squares() + to, scratch_.block_abs() + to);
    }

    void sum_part(const Part& part, bool begins) {
        const Rows rows = read(part);
        for (int64_t i = 0; i < part.rows; i += kGroup)
            source_.kernels->add[is_f64_](
                rows.at + i * rows.ld * (is_f64_ ? 8 : 4), rows.ld,
                std::min<int64_t>(kGroup, part.rows - i), part.cols,
                {scratch_.lanes() + i, begins, columns_ + part.col, &largest_});
    }

    Rows read(const Part& part) const {
        if (is_direct_)
            return {static_cast<const char*>(m_.data) +
                        (part.row * m_.row_stride + part.col) * (is_f64_ ? 8 : 4),
                    m_.row_stride};
        source_.kernels->pack[m_.dtype](m_, part, source_.scale, scratch_.packed());
        return {static_cast<const char*>(scratch_.packed()), kPackedLd};
    }

    const Source& source_;
    const steepest_matrix& m_;
    const Scratch& scratch_;
    double* columns_;
    bool is_f64_, is_direct_;
    double largest_ = 0;
};

std::unique_ptr<double[]> doubles(int64_t n) {
    return std::unique_ptr<double[]>(new double[static_cast<size_t>(n)]);
}

// From the sums of the rows, which are overwritten.
ChunkSums sums_of(int64_t rows, const Scratch& scratch, double max_abs) {
    double* squares = scratch.row_squares();
    ChunkSums sums{};
    sums.max_abs = max_abs;
    sums.abs = fold_pairs(scratch.row_abs(), rows);
    double* norms = scratch.row_abs();
    for (int64_t i = 0; i < rows; ++i) norms[i] = std::sqrt(squares[i]);
    for (int64_t i = 0; i < rows; ++i) sums.max_row = std::max(sums.max_row, norms[i]);
    sums.row_norms = fold_pairs(norms, rows);
    sums.squares = fold_pairs(squares, rows);
    return sums;
}

}  // namespace

Scratch::Scratch(int64_t cols, int64_t columns)
    : lanes_(new RowLanes[kLines]),
      packed_(doubles(kLines * kPackedLd)),
      block_squares_(doubles(kLines * blocks_of(cols))),
      block_abs_(doubles(kLines * blocks_of(cols))),
      row_squares_(doubles(kMostLines)),
      row_abs_(doubles(kMostLines)),
      columns_(doubles(columns)) {}

ChunkSums sum_chunk(const Source& source, int64_t begin, int64_t end, const Scratch& scratch,
                    double* columns) {
    const int64_t cols = source.matrix->cols, panels = (end - begin + kLines - 1) / kLines;
    double* sums = panels == 1 ? columns : scratch.columns();
    double largest = 0;
    for (int64_t p = 0; p < panels; ++p) {
        const int64_t first = p * kLines;
        Panel panel(source, scratch, sums + p * cols);
        largest =
            std::max(largest, panel.sum(begin + first, std::min(begin + first + kLines, end),
                                        scratch.row_squares() + first, scratch.row_abs() + first));
    }
    fold_vectors(sums, panels, cols, 0, cols);
    if (panels > 1) std::copy_n(sums, cols, columns);
    return sums_of(end - begin, scratch, largest);
}

}  // namespace steepest::norms
