// The kernels of the probes on the host, one thread after the other.
#pragma once

#include "curvature/kernel_table.h"
#include "steps/device/backend.h"

namespace steepest::device {

const ProbeRuns& emulated_probe_runs(curvature::Distribution distribution, bool is_f64);

}  // namespace steepest::device
