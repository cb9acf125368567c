// The table of a backend: how it runs the kernels of rank-one updates.
#pragma once

#include "curvature/device/rank_one_kernels.h"
#include "steps/device/backend.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class Backend>
const RankOneRuns& rank_one_runs_of() {
    static constexpr RankOneRuns runs = {.largest = Backend::template run<FindLargest>,
                                         .decide = Backend::template run<Decide>,
                                         .multiply = Backend::template run<Multiply>,
                                         .combine = Backend::template run<Combine>,
                                         .dot = Backend::template run<Dot>,
                                         .term = Backend::template run<MakeTerm>,
                                         .write = Backend::template run<WriteInverse>,
                                         .results = Backend::template run<TellResults>};
    return runs;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
