// The two weighted norms of OASIS on a device: every array is read once, and nothing is written but
// sums.
#pragma once

#include "curvature/oasis_terms.h"
#include "steps/device/phases.h"
#include "steps/device/storage.h"

namespace steepest::device {

inline constexpr int kOasisStreams = 6;

struct OasisTensor {
    const void* data[kOasisStreams];  // as in curvature/oasis_args.h; the last may be null
    int64_t count;
    curvature::OasisOptions options;
    uint8_t dtype[kOasisStreams];
    bool is_f64;
};

// The arguments of every kernel. Of each kind of number there are those of one norm and then those
// of the other.
struct OasisPass {
    const OasisTensor* tensors;
    const int32_t* first;  // blocks of the tree before each tensor, count + 1 numbers
    double* of_blocks;
    double* of_tensors;
    double* results;
    int32_t count;
    int32_t blocks;  // in all
};

inline constexpr int kOasisNorms = 2;

inline namespace STEEPEST_TARGET {

// A warp for a block of the tree.
struct MeasureBlocks {
    using Pass = OasisPass;
    static constexpr const char* kName = "oasis_measure";
    static constexpr int kPhases = 2;
    struct Shared {
        double sum[kOasisNorms][kThreads];
    };

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        const int32_t number = thread.warp();
        if (number >= pass.blocks) return;
        if constexpr (kPhase == 0) {
            const Item item = locate(pass.first, pass.count, number);
            const OasisTensor& t = pass.tensors[item.tensor];
            double held[kOasisNorms][kHeld] = {};
            if (t.is_f64)
                measure<double>(t, item.index, thread.lane(), held);
            else
                measure<float>(t, item.index, thread.lane(), held);
            for (int s = 0; s < kOasisNorms; ++s) shared.sum[s][thread.index] = fold_mine(held[s]);
        } else if (thread.lane() == 0) {
            for (int s = 0; s < kOasisNorms; ++s)
                pass.of_blocks[int64_t{s} * pass.blocks + number] =
                    fold_lanes(shared.sum[s] + thread.index, kWarp);
        }
    }

  private:
    template <class T>
    STEEPEST_HD static STEEPEST_INLINE void measure(const OasisTensor& t, int32_t index,
                                                    int32_t lane,
                                                    double (&held)[kOasisNorms][kHeld]) {
        const bool takes = t.data[kOasisStreams - 1] != nullptr;
        if (takes)
            add<true, T>(t, index, lane, held);
        else
            add<false, T>(t, index, lane, held);
    }

    // Four elements of each array are under way at a time.
    template <bool kTakes, class T>
    STEEPEST_HD static STEEPEST_INLINE void add(const OasisTensor& t, int32_t index, int32_t lane,
                                                double (&held)[kOasisNorms][kHeld]) {
        constexpr int kRead = kTakes ? kOasisStreams : kOasisStreams - 1;
        const int64_t first = int64_t{index} * kBlock;
        const int64_t n = t.count - first < kBlock ? t.count - first : kBlock;
        const auto c = probes::oasis_constants<T>(t.options, kTakes);
        Raw<T> raw[kOasisStreams] = {};
        each_element<1>(
            first, n, lane,
            [&](int k, int64_t i) {
                STEEPEST_UNROLL
                for (int s = 0; s < kRead; ++s) raw[s].fetch_one(k, t.data[s], t.dtype[s], i);
            },
            [&](int to, int k, int64_t) {
                T v[kOasisStreams] = {};
                STEEPEST_UNROLL
                for (int s = 0; s < kRead; ++s) v[s] = raw[s].decode_one(k, t.dtype[s]);
                probes::add_terms<kTakes, T>(c, t.options.factor, t.options.decay,
                                             {v[0], v[1], v[2], v[3], v[4], v[5]}, held[0][to],
                                             held[1][to]);
            });
    }
};

// A CUDA block for a tensor: the sums of its blocks, in adjacent pairs.
struct FoldTensors {
    using Pass = OasisPass;
    static constexpr const char* kName = "oasis_measure of tensors";
    static constexpr int kPhases = 2;
    using Shared = MeasureBlocks::Shared;

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        const int32_t t = thread.block, first = pass.first[t];
        for (int s = 0; s < kOasisNorms; ++s)
            fold<kPhase>(pass.of_blocks + int64_t{s} * pass.blocks + first,
                         pass.first[t + 1] - first, thread.index, shared.sum[s],
                         pass.of_tensors + int64_t{s} * pass.count + t);
    }

    template <int kPhase>
    STEEPEST_HD static STEEPEST_INLINE void fold(double* values, int64_t n, int32_t thread,
                                                 double* runs, double* out) {
        const Leaves leaves(n);
        if constexpr (kPhase == 0) {
            const int64_t begin = leaves.begin(thread);
            runs[thread] = fold_pairs(values + begin, leaves.end(thread) - begin);
        } else if (thread == 0) {
            *out = fold_pairs(runs, leaves.runs());
        }
    }
};

// One CUDA block: the sums of the tensors.
struct FoldNorms {
    using Pass = OasisPass;
    static constexpr const char* kName = "results of oasis_measure";
    static constexpr int kPhases = 2;
    using Shared = MeasureBlocks::Shared;

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        for (int s = 0; s < kOasisNorms; ++s)
            FoldTensors::fold<kPhase>(pass.of_tensors + int64_t{s} * pass.count, pass.count,
                                      thread.index, shared.sum[s], pass.results + s);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
