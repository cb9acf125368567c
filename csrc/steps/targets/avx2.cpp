// x86-64-v3: AVX2 with FMA and F16C, although the steps use no fused multiply-add.
#define STEEPEST_TARGET avx2
#include "steps/kernels.h"
