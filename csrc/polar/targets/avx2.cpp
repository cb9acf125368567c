// x86-64-v3: AVX2 with FMA.
#define STEEPEST_TARGET avx2
#include "polar/product_kernels.h"
