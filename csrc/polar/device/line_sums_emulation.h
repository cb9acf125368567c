// The kernels of sums along rows and columns on the host, one thread after the other.
#pragma once

#include "steps/device/backend.h"

namespace steepest::device {

const LineSumsRuns& emulated_line_sums_runs();

}  // namespace steepest::device
