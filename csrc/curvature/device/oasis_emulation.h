// The kernels of OASIS's norms on the host, one thread after the other.
#pragma once

#include "steps/device/backend.h"

namespace steepest::device {

const OasisRuns& emulated_oasis_runs();

}  // namespace steepest::device
