// The kernels of pairs of matrices on the host, one thread after the other.
#pragma once

#include "steps/device/backend.h"

namespace steepest::device {

const PairRuns& emulated_pair_runs();

}  // namespace steepest::device
