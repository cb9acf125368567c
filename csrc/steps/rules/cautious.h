// The cautious mask: only the elements whose update agrees with the gradient move, and the rest of
// the tensor makes up for them. Liang et al., arXiv 2411.16085.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

inline constexpr HyperSpec kMaskNorm{
    .name = "mask_norm",
    .doc =
        "how the mask is scaled, with n agreeing elements of d: 'count' d / (n + 1) (the paper's "
        "first "
        "version), 'clamped_mean' 1 / max(n / d, 1e-3) (the authors' code), 'mean_eps' "
        "1 / (n / d + mask_eps) (the later paper)",
    .value = {0},
    .type = HyperType::choice,
    .choices = "count|clamped_mean|mean_eps"};
inline constexpr HyperSpec kMaskEps{.name = "mask_eps",
                                    .doc = "added to the share of agreeing elements by 'mean_eps'",
                                    .value = {1e-8}};

// Scale of the masked update for `agreeing` elements out of `count`.
STEEPEST_HD inline double mask_scale(double agreeing, double count, double norm, double eps) {
    const double mean = count > 0 ? agreeing / count : 0;
    if (norm == 0) return count / (agreeing + 1);
    if (norm == 1) return 1 / (mean > 1e-3 ? mean : 1e-3);
    return mean + eps > 0 ? 1 / (mean + eps) : 0;
}

// update g > 0, which the sign makes safe from underflow.
template <class T>
STEEPEST_HD STEEPEST_INLINE bool agrees(T update, T g) {
    return sign(update) * g > 0;
}

// The update where it agrees with the gradient, else 0. A NaN gradient is not masked: it must show.
template <class T>
STEEPEST_HD STEEPEST_INLINE T masked(T direction, T update, T g) {
    return agrees(direction, g) ? update : (g == g ? T(0) : g);
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
