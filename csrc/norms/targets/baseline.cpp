// Any x86-64, or whatever processor the library is built for.
#define STEEPEST_TARGET baseline
#include "norms/direct_kernels.h"
#include "norms/report_kernels.h"
#include "norms/symbol_kernels.h"
