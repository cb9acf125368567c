// The kernels of all rules in double.
#define STEEPEST_TARGET cuda_f64
#include "cuda/kernels.cuh"
#include "cuda/runs.h"

namespace steepest::cuda {

const device::RuleRuns* runs_f64() { return device::rule_runs<device::CudaRuns, double>(Rules{}); }

}  // namespace steepest::cuda
