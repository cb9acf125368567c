#include "norms/panel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

namespace steepest::norms {
namespace {

int64_t blocks_of(int64_t cols) { return (cols + kBlock - 1) / kBlock; }

// Where elements of a matrix are read: in the matrix itself, or packed.
struct Rows {
    const char* at;
    int64_t ld;  // elements from row to row
};

// Memory is asked for at least this many bytes before it is read (measured: from 16 KiB on it is
// there in time).
constexpr int64_t kAhead = int64_t{1} << 15;

// The walk over one panel, some columns of all its rows at a time.
class Panel {
  public:
    Panel(const Source& source, const Scratch& scratch, double* columns)
        : source_(source),
          m_(*source.matrix),
          scratch_(scratch),
          columns_(columns),
          is_f64_(m_.dtype == static_cast<int32_t>(DType::f64)),
          is_direct_(m_.col_stride == 1 && source.scale == 1 &&
                     (is_f64_ || m_.dtype == static_cast<int32_t>(DType::f32))),
          step_(is_direct_ ? kColumns : kPacked) {}

    // Rows [begin, end); the sums of each go to squares and abs. Returns the largest magnitude.
    double sum(int64_t begin, int64_t end, double* squares, double* abs) {
        begin_ = begin;
        end_ = end;
        for (int64_t j = 0; j < m_.cols; j += step_)
            sum_columns({begin, j, end - begin, std::min(step_, m_.cols - j)});
        const int64_t blocks = blocks_of(m_.cols);
        for (int64_t i = 0; i < end - begin; ++i) {
            squares[i] = fold_pairs(scratch_.block_squares() + i * blocks, blocks);
            abs[i] = fold_pairs(scratch_.block_abs() + i * blocks, blocks);
        }
        return is_f64_ ? largest<double>() : static_cast<double>(largest<float>());
    }

  private:
    int64_t item() const { return is_f64_ ? 8 : 4; }

    // A panel whose columns lie side by side is packed as a whole: a line of the cache holds
    // elements of many of its rows.
    int64_t rows_together() const {
        if (is_direct_) return kLines;
        return std::abs(m_.row_stride) < std::abs(m_.col_stride) ? kLines : kGroup;
    }

    void sum_columns(const Part& part) {
        const int64_t step = rows_together();
        std::fill_n(scratch_.some_columns(), part.cols, 0.0);
        for (int64_t i = 0; i < part.rows; i += step) {
            const Part some = {part.row + i, part.col, std::min(step, part.rows - i), part.cols};
            const Rows rows = read(some);
            for (int64_t k = 0; k < some.rows; k += kGroup)
                sum_rows(
                    rows, k,
                    {some.row + k, some.col, std::min<int64_t>(kGroup, some.rows - k), some.cols},
                    i + k);
        }
        std::copy_n(scratch_.some_columns(), part.cols, columns_ + part.col);
    }

    // A group of the rows that were read, from row `local` of the panel on.
    void sum_rows(const Rows& rows, int64_t k, const Part& part, int64_t local) {
        const int64_t in_block = part.col % kBlock, end = part.col + part.cols;
        const bool folds = end % kBlock == 0 || end == m_.cols;
        // Lanes of rows that are done with at once stay in the cache.
        RowLanes* lanes = scratch_.lanes() + (folds && in_block == 0 ? 0 : local);
        const char* x = rows.at + k * rows.ld * item();
        source_.kernels->add[is_f64_](
            x, rows.ld, part.rows, part.cols,
            {lanes, in_block == 0, scratch_.some_columns(), &largest_, ahead(part, x)});
        if (!folds) return;
        const int64_t blocks = blocks_of(m_.cols), to = local * blocks + part.col / kBlock;
        for (int64_t r = 0; r < part.rows; ++r)
            source_.kernels->fold(lanes[r], in_block + part.cols,
                                  scratch_.block_squares()[to + r * blocks],
                                  scratch_.block_abs()[to + r * blocks]);
    }

    // Of a group of rows that will be read soon, where the one at x is read now: of the same
    // columns, or at the end of the panel of the next ones, or of the next panel. It may be outside
    // of the matrix, and of all memory: the stride of a single row is any number.
    const char* ahead(const Part& part, const char* x) const {
        if (!is_direct_) return x;
        const int64_t bytes = kGroup * part.cols * item();
        int64_t rows = (kAhead + bytes - 1) / bytes * kGroup, cols = 0;
        if (part.row + rows >= end_) {
            const bool is_last = part.col + step_ >= m_.cols;
            if (!is_last) rows -= end_ - begin_;
            cols = is_last ? -part.col : step_;
        }
        const auto away = static_cast<uintptr_t>(rows) * static_cast<uintptr_t>(m_.row_stride) +
                          static_cast<uintptr_t>(cols);
        return reinterpret_cast<const char*>(reinterpret_cast<uintptr_t>(x) +
                                             away * static_cast<uintptr_t>(item()));
    }

    Rows read(const Part& part) const {
        if (is_direct_)
            return {
                static_cast<const char*>(m_.data) + (part.row * m_.row_stride + part.col) * item(),
                m_.row_stride};
        source_.kernels->pack[m_.dtype](m_, part, source_.scale, scratch_.packed());
        return {static_cast<const char*>(scratch_.packed()), kPackedLd};
    }

    template <class T>
    T largest() const {
        T lanes[sizeof(Largest) / sizeof(T)];
        std::memcpy(lanes, &largest_, sizeof lanes);
        return *std::max_element(std::begin(lanes), std::end(lanes));
    }

    const Source& source_;
    const steepest_matrix& m_;
    const Scratch& scratch_;
    double* columns_;
    bool is_f64_, is_direct_;
    int64_t step_, begin_ = 0, end_ = 0;
    Largest largest_ = {};
};

// The sums of columns of panels, folded on their tree as soon as they can be, while they are in the
// cache: of as many panels as the bits of their number say, the first of them in `total`.
class ColumnSums {
  public:
    ColumnSums(int64_t cols, double* total, double* others)
        : cols_(cols), total_(total), others_(others) {}

    // Room for those of one more panel.
    double* next() { return at(depth_++); }

    // After panel p: sums of equally many panels fold.
    void fold_equals(int64_t p) {
        for (; p % 2 == 1; p /= 2) fold();
    }
    void fold_all() {
        while (depth_ > 1) fold();
    }

  private:
    double* at(int64_t i) const { return i == 0 ? total_ : others_ + (i - 1) * cols_; }

    void fold() {
        double* to = at(depth_ - 2);
        const double* from = at(--depth_);
        for (int64_t j = 0; j < cols_; ++j) to[j] += from[j];
    }

    int64_t cols_, depth_ = 0;
    double *total_, *others_;
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
      some_columns_(new SomeColumns),
      packed_(doubles(kLines * kPackedLd)),
      block_squares_(doubles(kLines * blocks_of(cols))),
      block_abs_(doubles(kLines * blocks_of(cols))),
      row_squares_(doubles(kMostLines)),
      row_abs_(doubles(kMostLines)),
      columns_(doubles(columns)) {}

ChunkSums sum_chunk(const Source& source, int64_t begin, int64_t end, const Scratch& scratch,
                    double* columns) {
    const int64_t panels = (end - begin + kLines - 1) / kLines;
    ColumnSums sums(source.matrix->cols, columns, scratch.columns());
    double largest = 0;
    for (int64_t p = 0; p < panels; ++p) {
        const int64_t first = p * kLines;
        Panel panel(source, scratch, sums.next());
        largest =
            std::max(largest, panel.sum(begin + first, std::min(begin + first + kLines, end),
                                        scratch.row_squares() + first, scratch.row_abs() + first));
        sums.fold_equals(p);
    }
    sums.fold_all();
    return sums_of(end - begin, scratch, largest);
}

}  // namespace steepest::norms
