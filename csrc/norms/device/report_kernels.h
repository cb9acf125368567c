// From the sums of panels to the numbers of a norm report.
#pragma once

#include "norms/device/panel_kernel.h"
#include "steps/device/backend.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// A thread for a row or a column: its norm.
struct LineNorms {
    using Pass = ReportPass;
    static constexpr const char* kName = "norms of rows and columns";
    static constexpr int kPhases = 1;
    using Shared = Nothing;

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared&) {
        const Item item = locate(pass.first, pass.count, thread.block);
        const ReportMatrix& m = pass.matrices[item.tensor];
        if (pass.again && *m.scale == 1) return;
        const int64_t i = int64_t{item.index} * kThreads + thread.index;
        const int64_t rows = m.matrix.rows, cols = m.matrix.cols;
        if (i >= rows + cols) return;
        const bool is_row = i < rows;
        const double squares = is_row ? fold_pairs(m.block_sums + i * m.blocks, m.blocks)
                                      : fold_pairs(m.column_sums + i - rows, m.panels, cols);
        if (is_row) {
            m.row_sums[i] = squares;
            m.row_sums[rows + i] = fold_pairs(m.block_sums + (rows + i) * m.blocks, m.blocks);
        }
        (is_row ? m.row_sums + 2 * rows + i : m.column_norms + i - rows)[0] = sqrt(squares);
    }
};

// A CUDA block for a matrix: all of its numbers, and the scale by which it has to be read again.
struct ReportValues {
    using Pass = ReportPass;
    static constexpr const char* kName = "values of the norm report";
    static constexpr int kPhases = 2;
    // In the order of steepest_norm_report_values.
    enum Number { kSquares, kMost, kMaxRow, kMaxColumn, kSumRows, kSumColumns, kSumAbs, kNumbers };
    struct Shared {
        double of_thread[kNumbers][kThreads];
    };

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        const ReportMatrix& m = pass.matrices[thread.block];
        if (pass.again && *m.scale == 1) return;
        if constexpr (kPhase == 0)
            take(m, thread.index, shared);
        else if (thread.index == 0)
            write(pass, m, shared);
    }

  private:
    STEEPEST_HD static void take(const ReportMatrix& m, int32_t t, Shared& shared) {
        const int64_t rows = m.matrix.rows, cols = m.matrix.cols;
        const double* norms = m.row_sums + 2 * rows;
        shared.of_thread[kSquares][t] = sum_of(m.row_sums, rows, t);
        shared.of_thread[kSumAbs][t] = sum_of(m.row_sums + rows, rows, t);
        shared.of_thread[kSumRows][t] = sum_of(norms, rows, t);
        shared.of_thread[kSumColumns][t] = sum_of(m.column_norms, cols, t);
        shared.of_thread[kMaxRow][t] = largest(norms, rows, t, kThreads);
        shared.of_thread[kMaxColumn][t] = largest(m.column_norms, cols, t, kThreads);
        shared.of_thread[kMost][t] = largest(m.most, m.panels * m.blocks, t, kThreads);
    }

    STEEPEST_HD static double sum_of(const double* leaf, int64_t n, int32_t t) {
        const Leaves leaves(n);
        PairSum sum;
        for (int64_t i = leaves.begin(t); i < leaves.end(t); ++i) sum.add(leaf[i]);
        return sum.total();
    }

    // Passes over NaN: the sums show it.
    STEEPEST_HD static double largest(const double* x, int64_t n, int64_t first, int64_t step) {
        double most = 0;
        for (int64_t i = first; i < n; i += step) most = x[i] > most ? x[i] : most;
        return most;
    }

    STEEPEST_HD static void write(const Pass& pass, const ReportMatrix& m, Shared& shared) {
        const int64_t rows = Leaves(m.matrix.rows).runs(), cols = Leaves(m.matrix.cols).runs();
        const double scale = pass.again ? *m.scale : 1;
        double number[kNumbers];
        number[kSquares] = sqrt(fold_pairs(shared.of_thread[kSquares], rows));
        number[kSumAbs] = fold_pairs(shared.of_thread[kSumAbs], rows);
        number[kSumRows] = fold_pairs(shared.of_thread[kSumRows], rows);
        number[kSumColumns] = fold_pairs(shared.of_thread[kSumColumns], cols);
        number[kMost] = largest(shared.of_thread[kMost], kThreads, 0, 1);
        number[kMaxRow] = largest(shared.of_thread[kMaxRow], kThreads, 0, 1);
        number[kMaxColumn] = largest(shared.of_thread[kMaxColumn], kThreads, 0, 1);
        const double abs = number[kSumAbs];
        auto* to = reinterpret_cast<double*>(pass.values + m.order);
        for (int k = 0; k < kNumbers; ++k) to[k] = abs != abs ? abs : number[k] / scale;
        if (!pass.again) *m.scale = scale_for(to[kMost]);
    }

    // Between these no square is lost.
    STEEPEST_HD static double scale_for(double most) {
        if (most > 0 && most < 0x1p-400) return 0x1p600;
        return most > 0x1p400 && most - most == 0 ? 0x1p-600 : 1;
    }
};
static_assert(sizeof(steepest_norm_report_values) == ReportValues::kNumbers * sizeof(double));

template <class Backend>
const ReportRuns& report_runs_of() {
    static constexpr ReportRuns runs = {.sum = Backend::sum_panels,
                                        .norms = Backend::template run<LineNorms>,
                                        .values = Backend::template run<ReportValues>};
    return runs;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
