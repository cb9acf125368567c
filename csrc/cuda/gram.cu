// The kernels of a Gram iteration beside its products. All bodies are shared with the emulation.
#define STEEPEST_TARGET cuda_gram
#include "cuda/phases.cuh"
#include "cuda/runs.h"
#include "norms/device/gram_kernels.h"

namespace steepest::cuda {

const device::GramRuns& gram_runs() { return device::gram_runs_of<device::CudaPhases>(); }

}  // namespace steepest::cuda
