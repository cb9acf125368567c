// One read of a matrix: of each panel of kLines rows the sums of its columns, of each of its rows
// the sums of squares and magnitudes, and the largest magnitude.
//
// Half of a CUDA block takes a block of kBlock columns of a panel: a thread for each lane of the
// tree, which keeps the sums of its columns in registers. Some rows at a time it leaves their lanes
// in shared memory, where they fold.
#pragma once

#include <type_traits>

#include "core/math.h"
#include "norms/device/report_descriptors.h"
#include "polar/elements.h"
#include "steps/device/phases.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

inline constexpr int kHalves = kThreads / kLanes;  // of a CUDA block
inline constexpr int kRowsAtOnce = 8;
inline constexpr int kRounds = kLines / kRowsAtOnce;
inline constexpr int kColumnsOfLane = kBlock / kLanes;
inline constexpr int kFolds = 2 * kRowsAtOnce;        // of squares and of magnitudes
inline constexpr int kPartsOfFold = kLanes / kFolds;  // threads for one of them
inline constexpr int kPaddedLanes = kLanes + 8;       // folds then lie in different banks
static_assert(kPartsOfFold == 8 && kBlock % kLanes == 0 && kLines % kRowsAtOnce == 0);

// CUDA blocks for a matrix.
inline int64_t panel_parts(const ReportMatrix& m) {
    return (m.panels * m.blocks + kHalves - 1) / kHalves;
}

// A block of columns of a panel, and the lane of the thread.
struct PanelPart {
    const ReportMatrix& m;
    int64_t panel, block;
    int32_t half, lane;

    STEEPEST_HD static PanelPart of(const ReportPass& pass, const Thread& thread) {
        const Item item = locate(pass.first, pass.count, thread.block);
        const ReportMatrix& m = pass.matrices[item.tensor];
        const int32_t half = thread.index / kLanes;
        const int64_t number = int64_t{item.index} * kHalves + half;
        return {m, number / m.blocks, number % m.blocks, half, thread.index % kLanes};
    }
    STEEPEST_HD bool exists() const { return panel < m.panels; }
    STEEPEST_HD int64_t column() const { return block * kBlock; }
    STEEPEST_HD int64_t columns() const {
        return m.matrix.cols - column() < kBlock ? m.matrix.cols - column() : kBlock;
    }
    STEEPEST_HD int64_t row(int round, int r) const {
        return panel * kLines + round * kRowsAtOnce + r;
    }
};

struct SumPanels {
    using Pass = ReportPass;
    static constexpr const char* kName = "norm report";

    struct Shared {
        double lanes[kHalves][kFolds][kPaddedLanes];
        double parts[kHalves][kFolds][kPartsOfFold];
        double most[kThreads];
    };
    // What a thread keeps over all rounds.
    struct State {
        double column[kColumnsOfLane] = {};
        double most = 0;
    };

    STEEPEST_HD static bool takes_part(const Pass& pass, const PanelPart& part) {
        return part.exists() && !(pass.again && *part.m.scale == 1);
    }

    // Takes the rows of a round in, and leaves their lanes.
    STEEPEST_HD static STEEPEST_INLINE void take(const Pass& pass, const PanelPart& part, int round,
                                                 State& state, Shared& shared) {
        polar::with_type(static_cast<DType>(part.m.matrix.dtype), [&](auto* type) {
            take_rows<std::remove_pointer_t<decltype(type)>>(pass, part, round, state, shared);
        });
    }

    // Then every thread folds a few lanes of one sum,
    STEEPEST_HD static STEEPEST_INLINE void fold_parts(const PanelPart& part, Shared& shared) {
        const int fold = part.lane / kPartsOfFold, first = part.lane % kPartsOfFold;
        const double* lanes = shared.lanes[part.half][fold];
        double held[kLanes / kPartsOfFold];
        STEEPEST_UNROLL
        for (int k = 0; k < kLanes / kPartsOfFold; ++k) held[k] = lanes[first + k * kPartsOfFold];
        shared.parts[part.half][fold][first] = fold_mine(held);
    }

    // and one thread what that left of it.
    STEEPEST_HD static STEEPEST_INLINE void fold(const PanelPart& part, int round, Shared& shared) {
        const ReportMatrix& m = part.m;
        const int64_t row = part.row(round, part.lane / 2);
        if (part.lane >= kFolds || row >= m.matrix.rows) return;
        double* sums = m.block_sums + part.lane % 2 * m.matrix.rows * m.blocks;
        sums[row * m.blocks + part.block] =
            fold_lanes(shared.parts[part.half][part.lane], kPartsOfFold);
    }

    // After the last round.
    STEEPEST_HD static STEEPEST_INLINE void leave(const PanelPart& part, const State& state,
                                                  Shared& shared) {
        double* to = part.m.column_sums + part.panel * part.m.matrix.cols + part.column();
        STEEPEST_UNROLL
        for (int k = 0; k < kColumnsOfLane; ++k) {
            const int64_t j = part.lane + k * kLanes;
            if (j < part.columns()) to[j] = state.column[k];
        }
        shared.most[part.half * kLanes + part.lane] = state.most;
    }

    STEEPEST_HD static STEEPEST_INLINE void finish(const PanelPart& part, const Shared& shared) {
        if (part.lane != 0) return;
        double most = 0;
        for (int l = 0; l < kLanes; ++l) most = larger(shared.most[part.half * kLanes + l], most);
        part.m.most[part.panel * part.m.blocks + part.block] = most;
    }

  private:
    // NaN is passed over: the sums show it.
    STEEPEST_HD static double larger(double x, double most) { return x > most ? x : most; }

    template <class S>
    STEEPEST_HD static STEEPEST_INLINE void take_rows(const Pass& pass, const PanelPart& part,
                                                      int round, State& state, Shared& shared) {
        const double scale = sizeof(S) == 8 && pass.again ? *part.m.scale : 1;
        const steepest_matrix& a = part.m.matrix;
        STEEPEST_ROLLED
        for (int r = 0; r < kRowsAtOnce; ++r) {
            const int64_t row = part.row(round, r);
            double squares = 0, abs = 0;
            if (row < a.rows) {
                const S* x = static_cast<const S*>(a.data) + row * a.row_stride +
                             part.column() * a.col_stride;
                take_row(x, part, scale, state, squares, abs);
            }
            shared.lanes[part.half][2 * r][part.lane] = squares;
            shared.lanes[part.half][2 * r + 1][part.lane] = abs;
        }
    }

    template <class S>
    STEEPEST_HD static STEEPEST_INLINE void take_row(const S* x, const PanelPart& part,
                                                     double scale, State& state, double& squares,
                                                     double& abs) {
        constexpr int kHalf = kColumnsOfLane / 2;
        take_columns<0, kHalf>(x, part, scale, state, squares, abs);
        if (kHalf * kLanes < part.columns())
            take_columns<kHalf, kHalf>(x, part, scale, state, squares, abs);
    }

    // What is behind the end of the row counts as zero, which changes no sum.
    template <int kFirst, int kCount, class S>
    STEEPEST_HD static STEEPEST_INLINE void take_columns(const S* x, const PanelPart& part,
                                                         double scale, State& state,
                                                         double& squares, double& abs) {
        const int64_t n = part.columns(), stride = part.m.matrix.col_stride;
        double value[kCount];
        STEEPEST_UNROLL
        for (int k = 0; k < kCount; ++k) {
            const int64_t j = part.lane + (kFirst + k) * kLanes;
            value[k] = j < n ? polar::decode(x[j * stride]) : 0;
        }
        STEEPEST_UNROLL
        for (int k = 0; k < kCount; ++k) {
            const double v = value[k] * scale, size = absolute(v);
            state.column[kFirst + k] += v * v;
            squares += v * v;
            abs += size;
            state.most = larger(size, state.most);
        }
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
