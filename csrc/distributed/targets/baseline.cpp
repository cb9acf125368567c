// Any x86-64, or whatever processor the library is built for.
#define STEEPEST_TARGET baseline
#include "distributed/kernels.h"
