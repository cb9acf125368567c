// AVX-512 F, BW, DQ and VL; bfloat16 operands are widened to float.
#define STEEPEST_TARGET avx512
#include "polar/product_kernels.h"
