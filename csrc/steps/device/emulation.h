// Device code on the host, one thread after the other: for tests of everything but the hardware.
#pragma once

#include "steps/device/backend.h"

namespace steepest::device {

Backend& emulation();

}  // namespace steepest::device
