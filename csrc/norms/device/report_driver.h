// Norm reports on a device, or on its emulation.
#pragma once

#include "steepest/steepest.h"
#include "steps/device/backend.h"

namespace steepest::device {

// The arguments have been checked.
steepest_status report_size(const steepest_norm_report_args& args, size_t* size);
steepest_status report(const steepest_norm_report_args& args, Backend& backend);

}  // namespace steepest::device
