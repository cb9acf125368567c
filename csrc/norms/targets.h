#pragma once

#include "core/cpu.h"
#include "norms/direct_table.h"
#include "norms/kernel_table.h"
#include "norms/symbol_table.h"

namespace steepest::norms {

const ReportKernels& report_kernels_of(cpu::Target target);
const SymbolKernels& symbol_kernels_of(cpu::Target target);
const DirectKernels& direct_kernels_of(cpu::Target target);

}  // namespace steepest::norms
