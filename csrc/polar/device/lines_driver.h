// Divides rows, columns or matrices by their norms on a device, or on its emulation.
#pragma once

#include <vector>

#include "polar/normalize.h"
#include "steps/device/backend.h"

namespace steepest::device {

size_t normalize_size(const std::vector<polar::Lines>& all);

// The arguments have been checked. Enqueues all of it and returns.
steepest_status normalize(const std::vector<polar::Lines>& all, void* workspace, size_t size,
                          Backend& backend);

}  // namespace steepest::device
