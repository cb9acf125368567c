// The kernels of sums along rows and columns. All bodies are shared with the emulation.
#define STEEPEST_TARGET cuda_line_sums
#include "cuda/phases.cuh"
#include "cuda/runs.h"
#include "polar/device/line_sums_runs.h"

namespace steepest::cuda {

const device::LineSumsRuns& line_sums_runs() {
    return device::line_sums_runs_of<device::CudaPhases>();
}

}  // namespace steepest::cuda
