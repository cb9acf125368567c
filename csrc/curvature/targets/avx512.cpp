// AVX-512 F, BW, DQ and VL.
#define STEEPEST_TARGET avx512
#include "curvature/probe_kernels.h"
#include "curvature/rank_one_kernels.h"
