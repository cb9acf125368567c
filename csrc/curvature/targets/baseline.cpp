// Any x86-64, or whatever processor the library is built for.
#define STEEPEST_TARGET baseline
#include "curvature/probe_kernels.h"
#include "curvature/rank_one_kernels.h"
