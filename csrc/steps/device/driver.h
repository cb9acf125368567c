// Runs a call on a device, or on its emulation.
#pragma once

#include "steepest/steepest.h"
#include "steps/device/backend.h"

namespace steepest::device {

// The arguments have been checked.
steepest_status step(steepest_step_args& args, Backend& backend);
steepest_status step_sizes(const steepest_step_args& args, Backend& backend, size_t* workspace,
                           size_t* mirror);
// The same for the sums over the list, of `terms` terms.
steepest_status list_sums(steepest_step_args& args, int terms, double* sums, Backend& backend);
steepest_status list_sums_size(const steepest_step_args& args, Backend& backend, size_t* size);
steepest_status grad_norm(const steepest_norm_args& args, Backend& backend);
steepest_status grad_norm_size(const steepest_norm_args& args, Backend& backend, size_t* size);

}  // namespace steepest::device
