// The kernels of rank-one updates. All bodies are shared with the emulation.
#define STEEPEST_TARGET cuda_rank_one
#include "cuda/phases.cuh"
#include "cuda/runs.h"
#include "curvature/device/rank_one_runs.h"

namespace steepest::cuda {

const device::RankOneRuns& rank_one_runs() {
    return device::rank_one_runs_of<device::CudaPhases>();
}

}  // namespace steepest::cuda
