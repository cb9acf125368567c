// The CUDA kernels of all rules, one translation unit per precision.
#pragma once

#include "steps/device/runs.h"

namespace steepest::cuda {

const device::RuleRuns* runs_f32();
const device::RuleRuns* runs_f64();

}  // namespace steepest::cuda
