// The kernels of rank-one updates on the host, one thread after the other.
#pragma once

#include "steps/device/backend.h"

namespace steepest::device {

const RankOneRuns& emulated_rank_one_runs();

}  // namespace steepest::device
