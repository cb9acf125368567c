#pragma once

#include "core/cpu.h"
#include "distributed/kernel_table.h"

namespace steepest::distributed {

const DistributedKernels& kernels_of(cpu::Target target);

}  // namespace steepest::distributed
