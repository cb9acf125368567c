// The kernels of all rules in float.
#define STEEPEST_TARGET cuda_f32
#include "cuda/kernels.cuh"
#include "cuda/runs.h"

namespace steepest::cuda {

const device::RuleRuns* runs_f32() { return device::rule_runs<device::CudaRuns, float>(Rules{}); }

}  // namespace steepest::cuda
