// What the rest of the library may ask of CUDA. This folder answers for a build without it, so that
// no caller needs an #ifdef.
#pragma once

#include "steepest/steepest.h"

namespace steepest::cuda {

extern const bool built;

// A step whose arrays live on a device.
steepest_status step(steepest_step_args& args);

}  // namespace steepest::cuda
