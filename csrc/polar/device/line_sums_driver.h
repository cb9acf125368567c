// Sums along rows and columns on a device, or on its emulation.
#pragma once

#include "polar/line_sums.h"
#include "steps/device/backend.h"

namespace steepest::device {

// The arguments have been checked; `partial` has room for the sums of all blocks.
steepest_status line_sums(const polar::LinePair& pair, double* partial, double* out,
                          Backend& backend);

}  // namespace steepest::device
