// The passes over matrices on the host, one thread after the other.
#pragma once

#include "steps/device/backend.h"

namespace steepest::device {

const PolarRuns& emulated_polar_runs();
const LinesRuns& emulated_lines_runs();

}  // namespace steepest::device
