// Weight decay that never works against the step: it shrinks only the elements that the step does
// not move outwards. Chen et al., arXiv 2510.12402.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

inline constexpr HyperSpec kCautiousDecay{
    .name = "cautious_weight_decay",
    .doc = "decay only elements where direction times parameter is not negative",
    .value = {0},
    .type = HyperType::boolean};

// What a parameter is multiplied by: `keep`, or 1 where the decay is masked. Signs are compared,
// since a product might underflow.
template <class T>
STEEPEST_HD STEEPEST_INLINE T kept(T p, T direction, T keep, T masked_keep) {
    return sign(direction) * sign(p) < 0 ? masked_keep : keep;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
