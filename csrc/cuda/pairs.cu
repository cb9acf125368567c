// The kernels of pairs of matrices. All bodies are shared with the emulation.
#define STEEPEST_TARGET cuda_pairs
#include "cuda/phases.cuh"
#include "cuda/runs.h"
#include "polar/device/pairs_runs.h"

namespace steepest::cuda {

const device::PairRuns& pair_runs() { return device::pair_runs_of<device::CudaPhases>(); }

}  // namespace steepest::cuda
