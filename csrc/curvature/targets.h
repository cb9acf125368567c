#pragma once

#include "core/cpu.h"
#include "curvature/kernel_table.h"
#include "curvature/rank_one_table.h"

namespace steepest::curvature {

const ProbeKernels& probe_kernels_of(cpu::Target target);
const RankOneKernels& rank_one_kernels_of(cpu::Target target);

}  // namespace steepest::curvature
