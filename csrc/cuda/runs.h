// The CUDA kernels of all rules, one translation unit per precision, of the probes, of the matrix
// products, and of the passes over lines and matrices.
#pragma once

#include "curvature/kernel_table.h"
#include "steps/device/runs.h"

namespace steepest::cuda {

const device::RuleRuns* runs_f32();
const device::RuleRuns* runs_f64();
const device::ProbeRuns& probe_runs(curvature::Distribution distribution, bool is_f64);
const device::ProductRuns& product_runs(bool has_columns);
const device::PolarRuns& polar_runs();
const device::LinesRuns& lines_runs();
const device::LineSumsRuns& line_sums_runs();
const device::ReportRuns& report_runs();
const device::GramRuns& gram_runs();
const device::RankOneRuns& rank_one_runs();
const device::PairRuns& pair_runs();
const device::OasisRuns& oasis_runs();

}  // namespace steepest::cuda
