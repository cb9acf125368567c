#include "steps/device/emulation.h"

#include <cstring>
#include <vector>

#include "curvature/device/emulation.h"
#include "curvature/device/oasis_emulation.h"
#include "curvature/device/rank_one_emulation.h"
#include "norms/device/gram_emulation.h"
#include "norms/device/report_emulation.h"
#include "polar/device/line_sums_emulation.h"
#include "polar/device/pairs_emulation.h"
#include "polar/device/passes_emulation.h"
#include "polar/device/product_emulation.h"
#include "steps/device/launches.h"
#include "steps/device/runs.h"
#include "steps/device/units.h"

namespace steepest::device {
namespace {

template <class F>
void each_thread(int64_t blocks, F&& f) {
    for (int64_t b = 0; b < blocks; ++b)
        for (int32_t t = 0; t < kThreads; ++t) f(Thread{static_cast<int32_t>(b), t});
}

// As a warp folds the lanes its threads hold.
double fold(const double (&held)[kWarp][kHeld]) {
    double lanes[kLanes];
    for (int t = 0; t < kWarp; ++t)
        for (int h = 0; h < kHeld; ++h) lanes[h * kWarp + t] = held[t][h];
    return fold_lanes(lanes);
}

// What the threads of a warp hold of a block.
template <class Block, int kTerms>
void hold(const Pass& pass, const Item& item, double (&held)[kTerms][kWarp][kHeld]) {
    for (int32_t lane = 0; lane < kWarp; ++lane) {
        typename Block::Sums sums;
        Block::block(pass, item, lane, sums);
        for (int k = 0; k < kTerms; ++k) std::memcpy(held[k][lane], sums.at[k], sizeof sums.at[k]);
    }
}

// Sums of all blocks of all tensors by `Block`, and then what follows from each tensor's.
template <class Block>
void sum_tensors(const Pass& pass, int64_t items) {
    constexpr int terms = sizeof(typename Block::Sums) / sizeof(double[kHeld]);
    for (int64_t i = 0; i < items; ++i) {
        const Item item = locate(pass.first, pass.count, static_cast<int32_t>(i));
        const Tensor& t = pass.tensors[item.tensor];
        double held[terms][kWarp][kHeld];
        hold<Block>(pass, item, held);
        const int64_t blocks = (t.count + kBlock - 1) / kBlock;
        for (int k = 0; k < terms; ++k)
            t.partial[k * tree_nodes(blocks) + item.index] = fold(held[k]);
        if (item.index + 1 < blocks) continue;
        double total[terms];
        for (int k = 0; k < terms; ++k)
            total[k] = fold_pairs(t.partial + k * tree_nodes(blocks), blocks);
        Block::finish(pass, t, total);
    }
}

double unit_squares(const void* data, uint8_t dtype, int64_t first, int64_t length) {
    PairSum sum;
    for (int64_t b = 0; b * kBlock < length; ++b) {
        double held[kWarp][kHeld] = {};
        for (int32_t lane = 0; lane < kWarp; ++lane)
            add_unit_block(data, dtype, first, length, b, lane, held[lane]);
        sum.add(fold(held));
    }
    return sum.total();
}

void clip_unit(const UnitPass& pass, int32_t item) {
    const Item at = locate(pass.first, pass.count, item);
    const Unit& u = pass.units[at.tensor];
    const int64_t first = at.index * u.length;
    const double coefficient =
        unit_coefficient(pass.factor, pass.eps, unit_squares(u.grad, u.grad_dtype, first, u.length),
                         unit_squares(u.param, u.param_dtype, first, u.length));
    for (int32_t lane = 0; lane < kWarp; ++lane) scale_unit(u, first, coefficient, lane);
}

class Emulation final : public Backend {
  public:
    const RuleRuns& runs(int rule, bool is_f64) const override {
        return is_f64 ? rule_runs<Emulation, double>(Rules{})[rule]
                      : rule_runs<Emulation, float>(Rules{})[rule];
    }
    const ProbeRuns& probe_runs(int distribution, bool is_f64) const override {
        return emulated_probe_runs(static_cast<curvature::Distribution>(distribution), is_f64);
    }
    const ProductRuns& product_runs(bool has_columns) const override {
        return emulated_product_runs(has_columns);
    }
    const PolarRuns& polar_runs() const override { return emulated_polar_runs(); }
    const LinesRuns& lines_runs() const override { return emulated_lines_runs(); }
    const LineSumsRuns& line_sums_runs() const override { return emulated_line_sums_runs(); }
    const ReportRuns& report_runs() const override { return emulated_report_runs(); }
    const GramRuns& gram_runs() const override { return emulated_gram_runs(); }
    const RankOneRuns& rank_one_runs() const override { return emulated_rank_one_runs(); }
    const PairRuns& pair_runs() const override { return emulated_pair_runs(); }
    const OasisRuns& oasis_runs() const override { return emulated_oasis_runs(); }
    void run_squares(const Pass& pass, int64_t items) override {
        record_launch("grad_norm");
        sum_tensors<Squares>(pass, items);
        const int64_t count = pass.norm.count;
        const double* sums = pass.norm.sum;
        // Copies, because folding overwrites: leaves of tensors without gradient stay zero.
        std::vector<double> squares(sums, sums + count);
        std::vector<double> nonfinite(sums + tree_nodes(count), sums + tree_nodes(count) + count);
        Squares::finish_all(pass, fold_pairs(squares.data(), count),
                            fold_pairs(nonfinite.data(), count));
        for (int32_t lane = 0; lane < kWarp; ++lane) Squares::finish_clips(pass, lane);
    }
    void run_advance(const Pass& pass, int64_t items) override {
        record_launch("advance");
        each_thread((items + kThreads - 1) / kThreads, [&](Thread t) { advance_one(pass, t); });
    }
    void run_units(const UnitPass& pass, int64_t items) override {
        record_launch("clip_units");
        for (int64_t i = 0; i < items; ++i) clip_unit(pass, static_cast<int32_t>(i));
    }
    // One launch for what the arguments of a kernel hold, as cuda/backend.cu cuts it.
    void upload(void* to, const void* from, size_t size) override {
        for (size_t done = 0; done < size; done += kUploadBytes) record_launch("upload");
        std::memcpy(to, from, size);
    }
    void read(void* to, const void* from, size_t size) override { std::memcpy(to, from, size); }
    bool is_immediate() const override { return true; }
    int multiprocessors() const override { return 4; }
    int shared_bytes() const override { return 227 << 10; }
    void* stream() const override { return nullptr; }

    template <class R, class T, Storage kStorage>
    static void apply(const Pass& pass, int64_t items, void*) {
        record_launch("apply");
        each_thread(items, [&](Thread t) { Apply<R, T, kStorage>::run(pass, t); });
    }
    template <class R, class T>
    static void prepare(const Pass& pass, int64_t items, void*) {
        record_launch("prepare");
        each_thread((items + kThreads - 1) / kThreads,
                    [&](Thread t) { prepare_one<R, T>(pass, t); });
    }
    template <class R, class T>
    static void reduce(const Pass& pass, int64_t items, void*) {
        record_launch("reduce");
        if (is_skipped(pass)) return;
        sum_tensors<Reduce<R, T>>(pass, items);
        if constexpr (kSumsOverList<R>) fold_list<R, T>(pass);
    }
    // After the last batch the totals of all tensors.
    template <class R, class T>
    static void fold_list(const Pass& pass) {
        const Norm& norm = pass.norm;
        *norm.arrived += static_cast<uint32_t>(pass.count);
        if (*norm.arrived != static_cast<uint32_t>(norm.expected)) return;
        for (int k = 0; k < R::kTerms; ++k) {
            const double* leaves = Reduce<R, T>::list_tree(pass, k);
            std::vector<double> sums(leaves, leaves + norm.count);
            norm.total[k] = fold_pairs(sums.data(), norm.count);
        }
    }
    // The blocks of the second kind of work.
    template <class F>
    static void each_second(const Pass& pass, int64_t blocks, F&& f) {
        for (int64_t b = pass.split; b < blocks; ++b)
            for (int32_t t = 0; t < kThreads; ++t) f(Thread{static_cast<int32_t>(b), t});
    }
    template <class R, class T>
    static void row_sums(const Pass& pass, int64_t blocks, void*) {
        record_launch("row sums");
        if (is_skipped(pass)) return;
        for (int32_t i = 0; i < pass.first[pass.count]; ++i) {
            const Item item = locate(pass.first, pass.count, i);
            double held[R::kRowTerms][kWarp][kHeld];
            hold<RowSums<R, T>>(pass, item, held);
            double sum[R::kRowTerms];
            for (int k = 0; k < R::kRowTerms; ++k) sum[k] = fold(held[k]);
            RowSums<R, T>::put(pass, item, sum);
        }
        each_second(pass, blocks, [&](Thread t) { row_sums_across<R, T>(pass, t); });
    }
    template <class R, class T>
    static void fold_rows(const Pass& pass, int64_t items, void*) {
        record_launch("fold rows");
        if (is_skipped(pass)) return;
        for (int64_t i = 0; i < items; ++i) {
            const Item item = locate(pass.first, pass.count, static_cast<int32_t>(i));
            double of_lane[R::kTerms][kWarp];
            for (int32_t lane = 0; lane < kWarp; ++lane) {
                double sum[R::kTerms];
                RowFold<R, T>::neighbours(pass, item, lane, sum);
                for (int k = 0; k < R::kTerms; ++k) of_lane[k][lane] = sum[k];
            }
            const Tensor& t = pass.tensors[item.tensor];
            const RowTree tree(t, pass.axes[item.tensor]);
            const int64_t leaves = tree.count / kBlock;
            for (int k = 0; k < R::kTerms; ++k)
                tree.partial[k * tree_nodes(leaves) + item.index] = fold_pairs(of_lane[k], kWarp);
            if (item.index + 1 < leaves) continue;
            double total[R::kTerms];
            for (int k = 0; k < R::kTerms; ++k)
                total[k] = fold_pairs(tree.partial + k * tree_nodes(leaves), leaves);
            Reduce<R, T>::finish(pass, t, total);
        }
    }
    template <class R, class T>
    static void row_values(const Pass& pass, int64_t items, void*) {
        record_launch("row values");
        each_thread(items, [&](Thread t) { device::row_values<R, T>(pass, t); });
    }
    template <class R, class T>
    static void axis_sums(const Pass& pass, int64_t blocks, void*) {
        record_launch("axis sums");
        if (is_skipped(pass)) return;
        for (int32_t i = 0; i < pass.first[pass.count]; ++i) {
            const Item item = locate(pass.first, pass.count, i);
            double held[kWarp][kHeld] = {};
            for (int32_t lane = 0; lane < kWarp; ++lane)
                LineSums<R, T>::block(pass, item, lane, held[lane]);
            pass.axes[item.tensor].line_sum[item.index] =
                kHasMaxima<R, T> ? largest(&held[0][0], kWarp * kHeld) : fold(held);
        }
        each_second(pass, blocks, [&](Thread t) { across_sums<R, T>(pass, t); });
    }
    template <class R, class T>
    static void update_axes(const Pass& pass, int64_t blocks, void*) {
        record_launch("update axes");
        each_thread(blocks, [&](Thread t) { device::update_axes<R, T>(pass, t); });
    }
    template <class R, class T>
    static void scale_rows(const Pass& pass, int64_t items, void*) {
        record_launch("scale rows");
        if (is_skipped(pass)) return;
        for (int64_t i = 0; i < items; ++i) {
            const Item item = locate(pass.first, pass.count, static_cast<int32_t>(i));
            const Rows<T> rows(pass.axes[item.tensor], item.index);
            for (int64_t b = 0; b < rows.blocks; ++b) {
                double held[kWarp][kHeld] = {};
                for (int32_t lane = 0; lane < kWarp; ++lane) rows.block(b, lane, held[lane]);
                rows.block_sum[b] = fold(held);
            }
            const double sum = fold_pairs(rows.block_sum, rows.blocks);
            const Setting<R, T> setting(pass, pass.tensors[item.tensor]);
            for (int32_t lane = 0; lane < kWarp; ++lane) rows.template scale<R>(setting, sum, lane);
        }
    }
};

}  // namespace

Backend& emulation() {
    static Emulation e;
    return e;
}

}  // namespace steepest::device
