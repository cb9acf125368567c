// Weight decay that never works against the step: it shrinks only the elements that the step does
// not move outwards. Chen et al., arXiv 2510.12402. The keyword of rules that decay by themselves;
// the others have it from the driver, see Decay::cautious.
#pragma once

#include "steps/rule.h"
#include "steps/stage.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

inline constexpr HyperSpec kCautiousDecay{
    .name = "cautious_weight_decay",
    .doc = "decay only elements where direction times parameter is not negative",
    .value = {0},
    .type = HyperType::boolean};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
