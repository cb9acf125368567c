// x86-64-v3: AVX2, although the sums use no fused multiply-add.
#define STEEPEST_TARGET avx2
#include "norms/direct_kernels.h"
#include "norms/report_kernels.h"
#include "norms/symbol_kernels.h"
