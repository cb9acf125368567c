// Gaussian values from random bits by the transform of Box and Muller (1958), in double and from
// IEEE operations only: the same bits everywhere.
#pragma once

#include "core/math.h"
#include "core/target.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace probes {

struct Pair {
    double first, second;
};

// Sine and cosine for |x| <= pi / 4, by their Taylor series to below half a unit in the last place.
STEEPEST_HD STEEPEST_INLINE Pair sine_cosine(double x) {
    const double x2 = x * x;
    double sine = 0, cosine = 0;
    STEEPEST_UNROLL
    for (int n = 17; n > 1; n -= 2) {
        sine = (1 + sine) * x2 * (-1.0 / (n * (n - 1)));
        cosine = (1 + cosine) * x2 * (-1.0 / ((n - 1) * (n - 2)));
    }
    return {x + x * sine, 1 + cosine};
}

// The upper 52 bits as a fraction in [1, 2).
STEEPEST_HD STEEPEST_INLINE double from_bits(uint64_t bits) {
    return __builtin_bit_cast(double, (bits >> 12) | 0x3FF0000000000000ull);
}

STEEPEST_HD STEEPEST_INLINE double with_sign(double x, bool negative) { return negative ? -x : x; }

// Two independent values from 128 bits: the radius from `low`, of which the largest is 8.49, the
// angle from `high`: two bits for the quadrant, the others for a place from -pi/4 to pi/4 around
// its middle.
STEEPEST_HD STEEPEST_INLINE Pair gaussian_pair(uint64_t low, uint64_t high) {
    constexpr double kHalfPi = 1.5707963267948966;
    const double radius = sqrt(-2 * log(2 - from_bits(low)));
    const Pair at = sine_cosine((from_bits(high << 2) - 1.5) * kHalfPi);
    const auto quadrant = static_cast<int>(high >> 62);
    const double across = quadrant & 1 ? at.first : at.second;
    const double along = quadrant & 1 ? at.second : at.first;
    return {with_sign(radius * across, quadrant == 1 || quadrant == 2),
            with_sign(radius * along, quadrant >= 2)};
}

}  // namespace probes
}  // namespace STEEPEST_TARGET
}  // namespace steepest
