#pragma once

#include "core/cpu.h"
#include "polar/kernel_table.h"

namespace steepest::polar {

const ProductKernels& product_kernels_of(cpu::Target target);

}  // namespace steepest::polar
