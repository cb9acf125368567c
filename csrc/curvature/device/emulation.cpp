#include "curvature/device/emulation.h"

#include <vector>

#include "curvature/device/runs.h"

namespace steepest::device {
namespace {

// The random words that a warp shares.
struct Words {
    alignas(16) uint32_t word[kSignWords];

    Words(const ProbePass& pass, const ProbeTensor& t, int32_t index) {
        for (int32_t lane = 0; lane < kWarp; ++lane)
            draw_signs(stream_of(pass, t), t.offset + int64_t{index} * kBlock, lane, word);
    }
};

// A block's lanes folded as a warp folds those that its threads hold.
template <class T, Distribution kDistribution>
double block_sum(const ProbePass& pass, const ProbeTensor& t, int32_t index) {
    const Words words(pass, t, index);
    double lanes[kLanes];
    for (int32_t lane = 0; lane < kWarp; ++lane) {
        double held[kHeld] = {};
        AccumulateBlock<T, kDistribution>::run(ProbeBlock(pass, t, index, lane, words.word), held);
        for (int k = 0; k < kHeld; ++k) lanes[lane_of<T>(lane, k)] = held[k];
    }
    return fold_lanes(lanes);
}

// The last tensor of all finishes the call.
void arrive(const ProbePass& pass, const ProbeTensor& t, double sum) {
    finish_tensor(pass, t, sum);
    if (++*pass.arrived != static_cast<uint32_t>(pass.expected)) return;
    std::vector<double> sums(pass.sum, pass.sum + pass.positions);
    finish_all(pass, fold_pairs(sums.data(), pass.positions));
}

struct Emulated {
    template <class T, Distribution kDistribution>
    static void fill(const ProbePass& pass, int64_t items, void*) {
        for (int32_t i = 0; i < items; ++i) {
            const Item item = locate(pass.first, pass.count, i);
            const ProbeTensor& t = pass.tensors[item.tensor];
            const Words words(pass, t, item.index);
            for (int32_t lane = 0; lane < kWarp; ++lane)
                FillBlock<T, kDistribution>::run(ProbeBlock(pass, t, item.index, lane, words.word));
        }
    }
    template <class T, Distribution kDistribution>
    static void accumulate(const ProbePass& pass, int64_t items, void*) {
        for (int32_t i = 0; i < items; ++i) {
            const Item item = locate(pass.first, pass.count, i);
            const ProbeTensor& t = pass.tensors[item.tensor];
            t.partial[item.index] = block_sum<T, kDistribution>(pass, t, item.index);
            const int64_t blocks = (t.count + kBlock - 1) / kBlock;
            if (item.index + 1 == blocks) arrive(pass, t, fold_pairs(t.partial, blocks));
        }
    }
    template <class T, Distribution kDistribution>
    static void groups(const ProbePass& pass, int64_t items, void*) {
        for (int32_t b = 0; b < items; ++b)
            for (int32_t i = 0; i < kThreads; ++i) take_group<T, kDistribution>(pass, Thread{b, i});
    }
};

}  // namespace

const ProbeRuns& emulated_probe_runs(Distribution distribution, bool is_f64) {
    return probe_runs_of<Emulated>(distribution, is_f64);
}

}  // namespace steepest::device
