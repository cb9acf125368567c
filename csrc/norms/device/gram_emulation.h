// The kernels of a Gram iteration on the host, one thread after the other.
#pragma once

#include "steps/device/backend.h"

namespace steepest::device {

const GramRuns& emulated_gram_runs();

}  // namespace steepest::device
