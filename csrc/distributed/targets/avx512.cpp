// AVX-512 F, BW, DQ and VL.
#define STEEPEST_TARGET avx512
#include "distributed/kernels.h"
