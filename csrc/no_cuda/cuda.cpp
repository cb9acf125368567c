#include "core/cuda.h"

namespace steepest::cuda {

const bool built = false;

int device_count() { return 0; }

steepest_status allocate(size_t, int32_t, void*, void**) { return STEEPEST_NO_CUDA; }
steepest_status release(void*, int32_t, void*) { return STEEPEST_NO_CUDA; }
steepest_status wait(int32_t, void*, void*) { return STEEPEST_NO_CUDA; }
bool captures(int32_t, void*) { return false; }
steepest_status read(void*, const void*, size_t, int32_t, void*) { return STEEPEST_NO_CUDA; }

steepest_status with_backend(int32_t, void*, Work, void*) { return STEEPEST_NO_CUDA; }

const char* general_products() { return ""; }

const char* last_error() { return ""; }

}  // namespace steepest::cuda
