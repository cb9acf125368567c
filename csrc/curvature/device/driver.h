// Runs a call with probes on a device, or on its emulation.
#pragma once

#include "steepest/steepest.h"
#include "steps/device/backend.h"

namespace steepest::device {

// The arguments have been checked.
steepest_status probe_size(const steepest_probe_args& args, size_t* size);
steepest_status probe_fill(const steepest_probe_args& args, Backend& backend);
steepest_status probe_accumulate(const steepest_probe_args& args, Backend& backend);

}  // namespace steepest::device
