// The weighted differences that OASIS takes its learning rate from, without storing the diagonal.
#pragma once

#include "core/reduce.h"
#include "curvature/kernel_table.h"
#include "steps/rules/oasis.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace probes {

// At most kLanes elements; `lanes` holds those of the one sum and then those of the other.
template <bool kTakes, class T>
STEEPEST_INLINE void measure_row(const typename Oasis<T>::Constants& c, double factor, double decay,
                                 const T* __restrict w, const T* __restrict last_w,
                                 const T* __restrict g, const T* __restrict last_g,
                                 const T* __restrict d, const T* __restrict h, int n,
                                 double* __restrict moved, double* __restrict turned) {
    for (int l = 0; l < n; ++l) {
        const T diagonal = kTakes ? Oasis<T>::averaged(c, d[l], h[l]) : d[l];
        const double size = static_cast<double>(Oasis<T>::truncated(c, diagonal));
        const double step = static_cast<double>(w[l]) - static_cast<double>(last_w[l]);
        const double change = static_cast<double>(g[l]) - static_cast<double>(last_g[l]);
        const double turn = factor * change + decay * step;
        moved[l] += size * (step * step);
        turned[l] += turn * turn / size;
    }
}

template <bool kTakes, class T>
void measure_rows(const curvature::OasisOptions& o, const void* const* streams, int64_t n,
                  double* lanes) {
    const typename Oasis<T>::Constants c = {.beta2 = static_cast<T>(o.beta2),
                                            .gain2 = static_cast<T>(1 - o.beta2),
                                            .alpha = static_cast<T>(o.alpha),
                                            .lr = 0,
                                            .takes = kTakes,
                                            .first = false};
    const auto at = [streams](int k, int64_t i) { return static_cast<const T*>(streams[k]) + i; };
    for (int64_t i = 0; i < n; i += kLanes)
        measure_row<kTakes, T>(c, o.factor, o.decay, at(0, i), at(1, i), at(2, i), at(3, i),
                               at(4, i), kTakes ? at(5, i) : nullptr,
                               static_cast<int>(n - i < kLanes ? n - i : kLanes), lanes,
                               lanes + kLanes);
}

template <class T>
void measure(const curvature::OasisOptions& o, const void* const* streams, int64_t n,
             double* lanes) {
    (streams[5] ? measure_rows<true, T> : measure_rows<false, T>)(o, streams, n, lanes);
}

}  // namespace probes
}  // namespace STEEPEST_TARGET
}  // namespace steepest
