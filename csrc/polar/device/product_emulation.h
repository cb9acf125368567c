// The kernels of the products on the host, one thread after the other.
#pragma once

#include "steps/device/backend.h"

namespace steepest::device {

const ProductRuns& emulated_product_runs(bool has_columns);

}  // namespace steepest::device
