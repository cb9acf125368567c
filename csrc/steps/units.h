// Adaptive clipping: how long a unit of a gradient may be.
#pragma once

#include "core/math.h"
#include "core/target.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

// Brock et al., arXiv 2102.06171, equation 3, from the sums of squares of a unit of gradient and
// parameter. A NaN passes on from either.
STEEPEST_HD inline double unit_coefficient(double factor, double eps, double grad_squares,
                                           double param_squares) {
    const double norm = sqrt(grad_squares);
    const double size = sqrt(param_squares);
    const double bound = factor * (size < eps ? eps : size);
    return norm <= bound ? 1 : bound / norm;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
