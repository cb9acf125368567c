// The kernels of OASIS's norms. All bodies are shared with the emulation.
#define STEEPEST_TARGET cuda_oasis
#include "cuda/phases.cuh"
#include "cuda/runs.h"
#include "curvature/device/oasis_runs.h"

namespace steepest::cuda {

const device::OasisRuns& oasis_runs() { return device::oasis_runs_of<device::CudaPhases>(); }

}  // namespace steepest::cuda
