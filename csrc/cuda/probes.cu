// The kernels of the probes, and how each is launched. All bodies are shared with the emulation.
#define STEEPEST_TARGET cuda_probes
#include "cuda/error.h"
#include "cuda/fold.cuh"
#include "cuda/runs.h"
#include "curvature/device/runs.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// Memory-bound, as the steps are: see cuda/kernels.cuh.
template <class T>
constexpr int kResident = sizeof(T) == 4 ? 4 : 3;

// But bound by arithmetic, which takes registers.
template <class T, Distribution kDistribution>
constexpr int kResidentTaking =
    kDistribution == Distribution::gaussian && sizeof(T) == 8 ? 2 : kResident<T>;

// The block of this warp, with the words of its signs; false behind the last one.
template <Distribution kDistribution>
__device__ STEEPEST_INLINE bool warp_block(const ProbePass& pass, Item& item, uint32_t* words) {
    const auto warp =
        static_cast<int32_t>(blockIdx.x) * kWarps + static_cast<int32_t>(threadIdx.x) / kWarp;
    if (warp >= pass.first[pass.count]) return false;
    item = locate(pass.first, pass.count, warp);
    if constexpr (kDistribution == Distribution::rademacher) {
        const ProbeTensor& t = pass.tensors[item.tensor];
        draw_signs(stream_of(pass, t), t.offset + int64_t{item.index} * kBlock,
                   static_cast<int32_t>(threadIdx.x) % kWarp, words);
        __syncwarp();
    }
    return true;
}

// Words of the signs, by warp.
template <Distribution kDistribution>
constexpr int kWordsOf = kDistribution == Distribution::rademacher ? kSignWords : 4;

template <class T, Distribution kDistribution>
__global__ void __launch_bounds__(kThreads, kResident<T>)
    probe_fill_kernel(const __grid_constant__ ProbePass pass) {
    __shared__ alignas(16) uint32_t shared[kWarps][kWordsOf<kDistribution>];
    uint32_t* words = shared[threadIdx.x / kWarp];
    Item item;
    if (!warp_block<kDistribution>(pass, item, words)) return;
    const auto lane = static_cast<int32_t>(threadIdx.x) % kWarp;
    FillBlock<T, kDistribution>::run(
        ProbeBlock(pass, pass.tensors[item.tensor], item.index, lane, words));
}

template <class T, Distribution kDistribution>
__global__ void __launch_bounds__(kThreads, kResidentTaking<T, kDistribution>)
    probe_accumulate_kernel(const __grid_constant__ ProbePass pass) {
    __shared__ alignas(16) uint32_t shared[kWarps][kWordsOf<kDistribution>];
    uint32_t* words = shared[threadIdx.x / kWarp];
    Item item;
    if (!warp_block<kDistribution>(pass, item, words)) return;
    const auto lane = static_cast<int32_t>(threadIdx.x) % kWarp;
    const ProbeTensor& t = pass.tensors[item.tensor];
    double held[kHeld] = {};
    AccumulateBlock<T, kDistribution>::run(ProbeBlock(pass, t, item.index, lane, words), held);
    double sums[1] = {fold_groups<kGroupOf<T>>(held)};
    if (!climb(t, item.index, lane, sums)) return;
    if (lane == 0) finish_tensor(pass, t, sums[0]);
    if (!arrives_last(pass.arrived, static_cast<uint32_t>(pass.expected), lane)) return;
    const double total = fold_tree(pass.sum, pass.positions, lane);
    if (lane == 0) finish_all(pass, total);
}

template <class T, Distribution kDistribution>
__global__ void __launch_bounds__(kThreads)
    probe_groups_kernel(const __grid_constant__ ProbePass pass) {
    take_group<T, kDistribution>(
        pass, {static_cast<int32_t>(blockIdx.x), static_cast<int32_t>(threadIdx.x)});
}

template <class Kernel>
void launch(Kernel kernel, const ProbePass& pass, int64_t blocks, void* stream, const char* name) {
    kernel<<<static_cast<unsigned>(blocks), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(pass);
    cuda::check_launch(name);
}

struct CudaProbes {
    static int64_t blocks_of_warps(int64_t items) { return (items + kWarps - 1) / kWarps; }

    template <class T, Distribution kDistribution>
    static void fill(const ProbePass& pass, int64_t items, void* stream) {
        launch(probe_fill_kernel<T, kDistribution>, pass, blocks_of_warps(items), stream,
               kDistribution == Distribution::rademacher ? "rademacher" : "gaussian");
    }
    template <class T, Distribution kDistribution>
    static void accumulate(const ProbePass& pass, int64_t items, void* stream) {
        launch(probe_accumulate_kernel<T, kDistribution>, pass, blocks_of_warps(items), stream,
               "accumulate");
    }
    template <class T, Distribution kDistribution>
    static void groups(const ProbePass& pass, int64_t items, void* stream) {
        launch(probe_groups_kernel<T, kDistribution>, pass, items, stream, "accumulate in groups");
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device

namespace steepest::cuda {

const device::ProbeRuns& probe_runs(curvature::Distribution distribution, bool is_f64) {
    return device::probe_runs_of<device::CudaProbes>(distribution, is_f64);
}

}  // namespace steepest::cuda
