// x86-64-v3: AVX2, although the messages use no fused multiply-add.
#define STEEPEST_TARGET avx2
#include "distributed/kernels.h"
