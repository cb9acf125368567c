// The weighted differences that OASIS takes its learning rate from, without storing the diagonal.
#pragma once

#include "core/reduce.h"
#include "curvature/kernel_table.h"
#include "curvature/oasis_terms.h"

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
    for (int l = 0; l < n; ++l)
        add_terms<kTakes, T>(c, factor, decay,
                             {w[l], last_w[l], g[l], last_g[l], d[l], kTakes ? h[l] : T(0)},
                             moved[l], turned[l]);
}

template <bool kTakes, class T>
void measure_rows(const curvature::OasisOptions& o, const void* const* streams, int64_t n,
                  double* lanes) {
    const auto c = oasis_constants<T>(o, kTakes);
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
