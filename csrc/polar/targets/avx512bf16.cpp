// AVX-512 with the dot product of pairs of bfloat16.
#define STEEPEST_TARGET avx512bf16
#include "polar/product_kernels.h"
