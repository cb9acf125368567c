// The CUDA kernels of all rules, one translation unit per precision, and of the probes and
// products.
#pragma once

#include "curvature/kernel_table.h"
#include "steps/device/runs.h"

namespace steepest::cuda {

const device::RuleRuns* runs_f32();
const device::RuleRuns* runs_f64();
const device::ProbeRuns& probe_runs(curvature::Distribution distribution, bool is_f64);
const device::ProductRuns& product_runs(bool has_columns);

}  // namespace steepest::cuda
