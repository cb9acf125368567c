// What an element adds to the two weighted norms of OASIS, for the CPU and for devices.
#pragma once

#include "curvature/kernel_table.h"
#include "steps/rules/oasis.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace probes {

template <class T>
STEEPEST_HD STEEPEST_INLINE typename Oasis<T>::Constants oasis_constants(
    const curvature::OasisOptions& o, bool takes) {
    return {.beta2 = static_cast<T>(o.beta2),
            .gain2 = static_cast<T>(1 - o.beta2),
            .alpha = static_cast<T>(o.alpha),
            .lr = 0,
            .takes = takes,
            .first = false};
}

// w, g and what they were before, D and, where D takes it in, its estimate h.
template <class T>
struct OasisElement {
    T w, last_w, g, last_g, d, h;
};

template <bool kTakes, class T>
STEEPEST_HD STEEPEST_INLINE void add_terms(const typename Oasis<T>::Constants& c, double factor,
                                           double decay, const OasisElement<T>& x, double& moved,
                                           double& turned) {
    const T diagonal = kTakes ? Oasis<T>::averaged(c, x.d, x.h) : x.d;
    const double size = static_cast<double>(Oasis<T>::truncated(c, diagonal));
    const double step = static_cast<double>(x.w) - static_cast<double>(x.last_w);
    const double change = static_cast<double>(x.g) - static_cast<double>(x.last_g);
    const double turn = factor * change + decay * step;
    moved += size * (step * step);
    turned += turn * turn / size;
}

}  // namespace probes
}  // namespace STEEPEST_TARGET
}  // namespace steepest
