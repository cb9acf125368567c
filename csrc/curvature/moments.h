// Running mean and sum of squared deviations, updated by one value (Welford 1962, West 1979).
#pragma once

#include "core/target.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace probes {

// The k-th value x of a mean, share = 1 / k: returns its deviation from the mean before, of whose
// square (k - 1) / k counts.
template <class T>
STEEPEST_HD STEEPEST_INLINE T take_mean(T x, T share, T& mean) {
    const T deviation = x - mean;
    mean = mean + deviation * share;
    return deviation;
}

template <class T>
STEEPEST_HD STEEPEST_INLINE void take_deviation(T deviation, T share, T& scatter) {
    scatter = scatter + (deviation * deviation) * (1 - share);
}

template <class T>
STEEPEST_HD STEEPEST_INLINE void take_value(T x, T share, T& mean, T& scatter) {
    take_deviation(take_mean(x, share, mean), share, scatter);
}

// The least-squares slope of h over z, sum z h / sum z^2 (Bekas, Kokiopoulou and Saad 2007), and
// the sum of the squared residuals. The weight is the sum of z^2.
template <class T>
STEEPEST_HD STEEPEST_INLINE void take_weighted(T z, T h, T& slope, T& scatter, T& weight) {
    const T residual = h - z * slope;
    const T before = weight;
    weight = before + z * z;
    const T divisor = weight > 0 ? weight : T(1);  // z = 0 tells nothing
    slope = slope + (z * residual) / divisor;
    scatter = scatter + (residual * residual) * (before / divisor);
}

}  // namespace probes
}  // namespace STEEPEST_TARGET
}  // namespace steepest
