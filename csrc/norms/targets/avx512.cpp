// AVX-512 F, BW, DQ and VL.
#define STEEPEST_TARGET avx512
#include "norms/direct_kernels.h"
#include "norms/report_kernels.h"
#include "norms/symbol_kernels.h"
