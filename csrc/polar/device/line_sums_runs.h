// The table of a backend: how it runs the kernels of sums along rows and columns.
#pragma once

#include "polar/device/line_sums_kernels.h"
#include "steps/device/backend.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class Backend>
const LineSumsRuns& line_sums_runs_of() {
    static constexpr LineSumsRuns runs = {.along = Backend::template run<SumAlong>,
                                          .across = Backend::template run<SumAcross>,
                                          .fold = Backend::template run<FoldSums>};
    return runs;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
