// The table of a backend: how it runs each kernel of the probes.
#pragma once

#include "curvature/device/accumulate.h"
#include "curvature/device/fill.h"
#include "curvature/device/groups.h"
#include "steps/device/backend.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class Backend, class T, Distribution kDistribution>
constexpr ProbeRuns make_probe_runs() {
    return {.fill = Backend::template fill<T, kDistribution>,
            .accumulate = Backend::template accumulate<T, kDistribution>,
            .groups = Backend::template groups<T, kDistribution>};
}

template <class Backend>
const ProbeRuns& probe_runs_of(Distribution distribution, bool is_f64) {
    constexpr auto kSigns = Distribution::rademacher, kNormal = Distribution::gaussian;
    static constexpr ProbeRuns runs[curvature::kDistributions][2] = {
        {make_probe_runs<Backend, float, kSigns>(), make_probe_runs<Backend, double, kSigns>()},
        {make_probe_runs<Backend, float, kNormal>(), make_probe_runs<Backend, double, kNormal>()}};
    return runs[static_cast<int>(distribution)][is_f64];
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
