// The kernels of the matrix products, and how each is launched. The program is shared with the
// emulation.
#define STEEPEST_TARGET cuda_products
#include "cuda/error.h"
#include "cuda/runs.h"
#include "polar/device/product_runs.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// This thread's view of its CUDA block.
template <class K>
struct CudaBlock {
    char* shared;
    polar::ByProducts* sums;
    int thread;
    Held<K> held;

    template <class F>
    STEEPEST_HD STEEPEST_INLINE void each(F&& f) {
        f(thread, held);
    }
    STEEPEST_HD STEEPEST_INLINE void sync() {
#ifdef __CUDA_ARCH__
        __syncthreads();
#endif
    }
    template <class Half>
    STEEPEST_HD STEEPEST_INLINE void multiply_add(int i, int j) {
        device::multiply_add<Half>(held.state.a[i], held.state.b[j / 2][j % 2], held.state.c[i][j]);
    }
};

// Two blocks on a multiprocessor hide each other's waits; they have 128 registers per thread.
template <class K>
__global__ void __launch_bounds__(kTileThreads, 2)
    product_kernel(const __grid_constant__ ProductPass pass) {
    extern __shared__ __align__(16) char memory[];
    __shared__ polar::ByProducts sums[kTileThreads];
    CudaBlock<K> block;
    block.shared = memory;
    block.sums = sums;
    block.thread = static_cast<int>(threadIdx.x);
    TileProgram<K, CudaBlock<K>>(pass, pass.first_item + blockIdx.x, block).run();
}

__global__ void __launch_bounds__(kTileThreads)
    product_sums_kernel(const __grid_constant__ ProductPass pass) {
    __shared__ polar::ByProducts sums[kTileThreads];
    CudaBlock<NoTile> block;
    block.shared = nullptr;
    block.sums = sums;
    block.thread = static_cast<int>(threadIdx.x);
    fold_tiles(pass, pass.first_item + blockIdx.x, block);
}

struct CudaProducts {
    // What a kernel may have without being asked for.
    static constexpr int kUsualShared = 48 << 10;

    template <class K>
    static void multiply(const ProductPass& pass, int64_t items, void* stream) {
        constexpr int kDynamic = kSharedBytes<K>;
        if constexpr (kDynamic + kTileThreads * sizeof(polar::ByProducts) > kUsualShared)
            cuda::check(cudaFuncSetAttribute(product_kernel<K>,
                                             cudaFuncAttributeMaxDynamicSharedMemorySize, kDynamic),
                        "cudaFuncSetAttribute");
        product_kernel<K><<<static_cast<unsigned>(items), kTileThreads, kDynamic,
                            static_cast<cudaStream_t>(stream)>>>(pass);
        cuda::check_launch("product");
    }
    static void fold(const ProductPass& pass, int64_t items, void* stream) {
        product_sums_kernel<<<static_cast<unsigned>(items), kTileThreads, 0,
                              static_cast<cudaStream_t>(stream)>>>(pass);
        cuda::check_launch("sums of products");
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device

namespace steepest::cuda {

const device::ProductRuns& product_runs(bool has_columns) {
    return device::product_runs_of<device::CudaProducts>(has_columns);
}

}  // namespace steepest::cuda
