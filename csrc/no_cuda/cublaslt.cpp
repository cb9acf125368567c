// Of a build with CUDA whose toolkit had no cublasLt.h.
#include "cuda/cublaslt.h"

#include "core/cuda.h"

namespace steepest::cuda {

const device::ProductLibrary* cublaslt(int) { return nullptr; }
const char* general_products() { return "own kernels (built without cublasLt.h)"; }

}  // namespace steepest::cuda
