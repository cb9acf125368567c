// One blocked product. For each part of the inner dimension all panels are packed, then all blocks
// of C multiplied; the last part finishes the blocks. Panels and chunks of blocks are shared out to
// threads.
#include "polar/item.h"

#include <cstring>

#include "core/parallel.h"

namespace steepest::polar {
namespace {

constexpr int64_t bytes_of(Type t) { return t == Type::f64 ? 8 : t == Type::f32 ? 4 : 2; }

char* at(const Matrix& m, int64_t row, int64_t col) {
    return static_cast<char*>(m.data) + (row * m.ld + col) * bytes_of(m.type);
}

Matrix item_of(const Batch& batch, int64_t item) {
    Matrix m = batch.matrix;
    m.data = static_cast<char*>(m.data) + item * batch.stride * bytes_of(m.type);
    return m;
}

// One matrix of the batch.
class Item {
  public:
    Item(const Job& job, int64_t item, const Scratch& scratch, int threads)
        : job_(job),
          kernels_(job.kernels),
          scratch_(scratch),
          threads_(threads),
          inner_(job.A.matrix.cols, job.kernels),
          a_(item_of(job.A, item)),
          b_(item_of(job.B, item)),
          c_(item_of(job.C, item)),
          d_(job.D ? item_of(*job.D, item) : Matrix{}),
          item_(item) {}

    void run() {
        const int64_t panel = kernels_.panel;
        const int64_t rows = divide_up(c_.rows, panel), cols = divide_up(c_.cols, panel);
        const int64_t width = job_.lower() ? std::max<int64_t>(cols, 1) : kSlabBlocks;
        for (first_block_ = 0; first_block_ < cols; first_block_ += width) {
            grid_ = {rows, std::min(width, cols - first_block_), job_.lower()};
            for (int64_t part = 0; part < inner_.parts; ++part) {
                pack(part);
                multiply(part);
            }
        }
        if (job_.sums) add_sums();
    }

  private:
    int64_t units() const { return divide_up(inner_.step, kernels_.unit); }
    int64_t panel_bytes() const { return kernels_.panel * units() * kernels_.unit_bytes; }
    int64_t block_bytes() const {
        return int64_t{kernels_.panel} * kernels_.panel * kernels_.accumulator_bytes;
    }
    char* left(int64_t i) const { return scratch_.left + i * panel_bytes(); }
    char* right(int64_t j) const {
        return job_.right == Right::shared ? left(j) : scratch_.right + j * panel_bytes();
    }

    int64_t panel_size(int64_t length, int64_t begin) const {
        return std::min<int64_t>(kernels_.panel, length - begin);
    }

    void pack(int64_t part) {
        const int64_t rights = job_.right == Right::shared ? 0 : grid_.cols;
        const int64_t panels = grid_.rows + rights;
        const int64_t tasks = std::min(panels, kMaxChunks);
        parallel(threads_, static_cast<int>(tasks), [&](int task, int) {
            for (int64_t p = panels * task / tasks; p < panels * (task + 1) / tasks; ++p)
                if (p < grid_.rows)
                    pack_left(p, part);
                else
                    pack_right(p - grid_.rows, part);
        });
    }

    void pack_left(int64_t i, int64_t part) {
        const int64_t row = i * kernels_.panel;
        kernels_.pack_rows(at(a_, row, inner_.begin(part)), a_.ld, panel_size(a_.rows, row),
                           inner_.size(part), left(i));
    }

    void pack_right(int64_t j, int64_t part) {
        const int64_t col = (first_block_ + j) * kernels_.panel, k = inner_.begin(part);
        const int64_t count = panel_size(b_.cols, col);
        if (job_.right == Right::rows)
            kernels_.pack_rows(at(b_, col, k), b_.ld, count, inner_.size(part), right(j));
        else
            kernels_.pack_columns(at(b_, k, col), b_.ld, count, inner_.size(part), right(j));
    }

    void multiply(int64_t part) {
        const Chunks chunks(grid_, threads_);
        parallel(threads_, static_cast<int>(chunks.squares.count()), [&](int chunk, int) {
            alignas(64) char local[kLargestBlock];
            const Chunks::Range range = chunks.range(chunk);
            for (int64_t j = range.col; j < range.col_end; ++j) {
                const int64_t first = grid_.lower ? std::max(j, range.row) : range.row;
                for (int64_t i = first; i < range.row_end; ++i) {
                    const char* next = i + 1 < range.row_end
                                           ? left(i + 1)
                                           : right(std::min(j + 1, grid_.cols - 1));
                    multiply_block(i, j, part, next, local);
                }
            }
        });
    }

    // `next` is the panel that the next block needs anew.
    void multiply_block(int64_t i, int64_t j, int64_t part, const char* next, char* local) {
        const int64_t panel = kernels_.panel;
        const int64_t row = i * panel, col = (first_block_ + j) * panel;
        const Extent extent{static_cast<int>(std::min(panel, c_.rows - row)),
                            static_cast<int>(std::min(panel, c_.cols - col)),
                            grid_.lower && row == col};
        char* block = scratch_.blocks ? scratch_.blocks + grid_.index(i, j) * block_bytes() : local;
        const bool last = part + 1 == inner_.parts;
        if (part == 0) std::memset(block, 0, static_cast<size_t>(extent.lower ? block_bytes() : 0));
        kernels_.multiply(left(i), right(j), divide_up(inner_.size(part), kernels_.unit), extent,
                          part > 0, next, block);
        if (last) finish(i, j, extent, block);
    }

    void finish(int64_t i, int64_t j, const Extent& extent, char* block) {
        const int64_t row = i * kernels_.panel, col = (first_block_ + j) * kernels_.panel;
        const bool off_diagonal = row != col;
        kernels_.finish({.block = block,
                         .extent = extent,
                         .diagonal = !off_diagonal,
                         .update = job_.update,
                         .d = d_.data ? at(d_, row, col) : nullptr,
                         .d_ld = d_.ld,
                         .d_type = d_.type,
                         .c = at(c_, row, col),
                         .mirror = grid_.lower && off_diagonal ? at(c_, col, row) : nullptr,
                         .c_ld = c_.ld,
                         .c_type = c_.type,
                         .sums = job_.sums ? scratch_.sums + grid_.index(i, j) : nullptr});
    }

    void add_sums() {
        ByProducts total{0, 0};
        for (int64_t i = 0; i < grid_.rows; ++i)
            for (int64_t j = 0; j <= i; ++j) {
                const ByProducts& block = scratch_.sums[grid_.index(i, j)];
                total.trace += block.trace;
                total.squares += i == j ? block.squares : 2 * block.squares;
            }
        job_.sums[item_] = total;
    }

    const Job& job_;
    const OperandKernels& kernels_;
    Scratch scratch_;
    int threads_;
    Inner inner_;
    Matrix a_, b_, c_, d_;
    int64_t item_;
    int64_t first_block_ = 0;
    Grid grid_{};
};

}  // namespace

void multiply_item(const Job& job, int64_t item, const Scratch& scratch, int threads) {
    Item(job, item, scratch, threads).run();
}

}  // namespace steepest::polar
