// The kernels that the emulation has run for the steps of a thread, by name, in order: what a
// device would have launched.
#pragma once

#include <cstdint>

namespace steepest::device {

// How many since the calling thread last asked. Their names, and they are forgotten, once there is
// room for all; nothing is kept before a thread asks for the first time.
int64_t recorded_launches(const char** names, int64_t capacity);

void record_launch(const char* kernel);

}  // namespace steepest::device
