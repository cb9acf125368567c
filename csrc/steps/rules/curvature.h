// What the rules on a Hessian diagonal share: its stream, and when they read it anew.
#pragma once

#include "steps/rule.h"

namespace steepest {

// The latest estimate, written by the caller; the rules leave it as it is.
inline constexpr StateSpec kHessian{
    "hessian", "latest estimate of the Hessian diagonal, read but not changed"};
inline constexpr HyperSpec kHessianInterval{.name = "hessian_update_interval",
                                            .doc = "steps from one new estimate to the next",
                                            .value = {10, 0},
                                            .low = 1,
                                            .high = 2147483647};

// Steps 1, 1 + interval, 1 + 2 interval, ... of a tensor take in the estimate.
STEEPEST_HD inline bool takes_estimate(int64_t step, double interval) {
    return (step - 1) % static_cast<int64_t>(interval) == 0;
}

}  // namespace steepest
