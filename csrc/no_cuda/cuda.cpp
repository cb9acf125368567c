#include "no_cuda/cuda.h"

namespace steepest::cuda {

const bool built = false;

steepest_status step(steepest_step_args&) { return STEEPEST_NO_CUDA; }

}  // namespace steepest::cuda
