// x86-64-v3: AVX2, although the probes use no fused multiply-add.
#define STEEPEST_TARGET avx2
#include "curvature/probe_kernels.h"
#include "curvature/rank_one_kernels.h"
