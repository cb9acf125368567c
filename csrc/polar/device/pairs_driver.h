// Sums and comparisons of pairs of matrices on a device, or on its emulation.
#pragma once

#include "steepest/steepest.h"
#include "steps/device/backend.h"

namespace steepest::device {

size_t pairs_size(const steepest_combine_args& args);

// The arguments have been checked.
steepest_status combine(const steepest_combine_args& args, Backend& backend);
steepest_status compare(const steepest_combine_args& args, Backend& backend);

}  // namespace steepest::device
