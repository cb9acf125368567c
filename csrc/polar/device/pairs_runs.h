// The table of a backend: how it runs the kernels of pairs of matrices.
#pragma once

#include "polar/device/pairs_kernels.h"
#include "steps/device/backend.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class Backend>
const PairRuns& pair_runs_of() {
    static constexpr PairRuns runs = {.combine = Backend::template run<Combine>,
                                      .compare = Backend::template run<Compare>,
                                      .fold = Backend::template run<FoldComparisons>};
    return runs;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
