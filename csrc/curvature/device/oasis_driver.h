// The two weighted norms of OASIS on a device, or on its emulation.
#pragma once

#include "steepest/steepest.h"
#include "steps/device/backend.h"

namespace steepest::device {

// The arguments have been checked. Raise std::length_error for more than 2^31 blocks of the tree.
steepest_status oasis_size(const steepest_oasis_args& args, size_t* size);
steepest_status oasis_measure(const steepest_oasis_args& args, Backend& backend);

}  // namespace steepest::device
