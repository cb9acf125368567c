// The table of a backend: how it runs the kernels of OASIS's norms.
#pragma once

#include "curvature/device/oasis_kernels.h"
#include "steps/device/backend.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class Backend>
const OasisRuns& oasis_runs_of() {
    static constexpr OasisRuns runs = {.blocks = Backend::template run<MeasureBlocks>,
                                       .tensors = Backend::template run<FoldTensors>,
                                       .norms = Backend::template run<FoldNorms>};
    return runs;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
