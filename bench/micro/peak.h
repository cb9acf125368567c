// The peak of arithmetic beside which products are shown.
#pragma once

#include <cstdint>

namespace steepest::bench {

// Operations per second of the multiply-add of a steepest_dtype on all threads: the best of a few
// bursts now. Measured before and after a product, since others may use the processor too.
double peak_now(int32_t dtype);

}  // namespace steepest::bench
