// One product of a batch: what is asked for, and the scratch memory it needs.
#pragma once

#include "polar/blocking.h"

namespace steepest::polar {

// Where the panels of the right operand come from: the columns of B; its rows, which are its
// columns when it is symmetric; or the rows of A, shared with the left operand.
enum class Right { columns, rows, shared };

// What the three products have in common.
struct Job {
    const Batch& A;
    const Batch& B;
    const Batch* D;
    const Batch& C;
    Update update;
    ByProducts* sums;
    Right right;
    const OperandKernels& kernels;

    bool lower() const { return right != Right::columns; }  // one triangle is computed
    int64_t multiplications() const {
        return C.matrix.rows * C.matrix.cols * A.matrix.cols / (lower() ? 2 : 1);
    }
};

// The scratch memory of one matrix at a time.
struct Scratch {
    char* left;
    char* right;
    char* blocks;  // null when the inner dimension has one part
    ByProducts* sums;
};

// The shape of the scratch memory: what any product with these operands needs at most.
class Footprint {
  public:
    Footprint(const Batch& A, const Batch& C, bool lower, const OperandKernels& kernels) {
        const int64_t panel = kernels.panel;
        const Inner inner(A.matrix.cols, kernels);
        const int64_t panel_bytes =
            panel * divide_up(inner.step, kernels.unit) * kernels.unit_bytes;
        const int64_t rows = divide_up(C.matrix.rows, panel),
                      cols = divide_up(C.matrix.cols, panel);
        const Grid grid{rows, lower ? cols : std::min(cols, kSlabBlocks), lower};
        left = rows * panel_bytes;
        right = grid.cols * panel_bytes;
        blocks = inner.parts > 1 ? grid.count() * panel * panel * kernels.accumulator_bytes : 0;
        sums = lower ? grid.count() : 0;
    }
    int64_t bytes() const {
        Arena measured(nullptr, 0);
        take(measured);
        return static_cast<int64_t>(measured.used());
    }
    Scratch lay_out(char* memory) const {
        Arena arena(memory, static_cast<size_t>(bytes()));
        return take(arena);
    }

  private:
    Scratch take(Arena& arena) const {
        return {arena.take<char>(left), arena.take<char>(right),
                blocks ? arena.take<char>(blocks) : nullptr, arena.take<ByProducts>(sums)};
    }
    int64_t left, right, blocks, sums;
};

// Computes one matrix of the batch.
void multiply_item(const Job& job, int64_t item, const Scratch& scratch, int threads);

}  // namespace steepest::polar
