// MKOR's update on a device, or on its emulation.
#pragma once

#include "steepest/steepest.h"
#include "steps/device/backend.h"

namespace steepest::device {

// The arguments have been checked.
steepest_status mkor_size(const steepest_mkor_args& args, size_t* size);
steepest_status mkor_update(const steepest_mkor_args& args, Backend& backend);

}  // namespace steepest::device
