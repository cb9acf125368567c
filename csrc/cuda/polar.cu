// The passes of an orthogonalisation, and how each is launched. All bodies are shared with the
// emulation.
#define STEEPEST_TARGET cuda_polar
#include "cuda/error.h"
#include "cuda/runs.h"
#include "polar/device/pass_runs.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

constexpr unsigned kEveryLane = 0xFFFFFFFFu;

__device__ STEEPEST_INLINE int32_t own_thread() { return static_cast<int32_t>(threadIdx.x); }

// The sum of what the threads of a block have. Valid in all of them.
template <class Sum>
__device__ STEEPEST_INLINE Sum fold_block(const Sum& own, Sum* shared) {
    shared[threadIdx.x] = own;
    for (int half = kThreads / 2; half > 0; half /= 2) {
        __syncthreads();
        fold_half(shared, own_thread(), half);
    }
    __syncthreads();
    return shared[0];
}

__global__ void __launch_bounds__(kThreads)
    polar_squares_kernel(const __grid_constant__ PolarPass pass) {
    __shared__ NormSums shared[kThreads];
    __shared__ TileMemory<double> memory;
    const PolarTile tile(pass.to, blockIdx.x);
    fetch_doubles(pass, tile, own_thread(), memory);
    __syncthreads();
    const NormSums sums = fold_block(tile_squares(tile, own_thread(), memory), shared);
    if (threadIdx.x == 0) pass.partial[blockIdx.x] = sums;
}

__global__ void __launch_bounds__(kThreads)
    polar_scales_kernel(const __grid_constant__ PolarPass pass) {
    __shared__ NormSums shared[kThreads];
    const NormSums sums = fold_block(matrix_squares(pass, blockIdx.x, own_thread()), shared);
    if (threadIdx.x == 0)
        pass.scales[blockIdx.x] = scale_by(pass.views[blockIdx.x], sums, pass.value, pass.is_set);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    polar_load_kernel(const __grid_constant__ PolarPass pass) {
    __shared__ TileMemory<T> memory;
    const PolarTile tile(pass.to, blockIdx.x);
    fetch_scaled<T>(pass, tile, own_thread(), memory);
    __syncthreads();
    put_iterate<T>(pass, tile, own_thread(), memory);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    polar_store_kernel(const __grid_constant__ PolarPass pass) {
    __shared__ TileMemory<T> memory;
    const PolarTile tile(pass.from, blockIdx.x);
    fetch_iterate<T>(pass, tile, own_thread(), memory);
    __syncthreads();
    put_result<T>(pass, tile, own_thread(), memory);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    polar_copy_plus_kernel(const __grid_constant__ PolarPass pass) {
    copy_plus<T>(pass, PolarTile(pass.to, blockIdx.x), own_thread());
}

template <class Half>
__global__ void __launch_bounds__(kThreads)
    polar_split_kernel(const __grid_constant__ PolarPass pass) {
    split<Half>(pass, PolarTile(pass.to, blockIdx.x), own_thread());
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    polar_line_sums_kernel(const __grid_constant__ PolarPass pass) {
    const int64_t line = int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarp;
    if (line >= lines_of(pass.from)) return;
    double sum = line_sum<T>(pass, line, own_thread() % kWarp);
    STEEPEST_UNROLL
    for (int half = kWarp / 2; half > 0; half /= 2) sum += __shfl_down_sync(kEveryLane, sum, half);
    if (threadIdx.x % kWarp == 0) pass.lines[line] = sum;
}

__global__ void __launch_bounds__(kThreads)
    polar_line_factors_kernel(const __grid_constant__ PolarPass pass) {
    __shared__ double shared[kThreads];
    const double total = fold_block(matrix_lines(pass, blockIdx.x, own_thread()), shared);
    put_factors(pass, blockIdx.x, own_thread(), total);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    polar_multiply_lines_kernel(const __grid_constant__ PolarPass pass) {
    multiply_lines<T>(pass, PolarTile(pass.to, blockIdx.x), own_thread());
}

// One thread of a block, with what it keeps.
template <class Block>
struct OneOfTeam {
    Block block;
    typename Block::Registers registers;

    template <class F>
    STEEPEST_HD STEEPEST_INLINE void each(F&& f) {
        f(block, registers);
    }
    template <class F>
    STEEPEST_HD STEEPEST_INLINE void all(F&& f) {
        each(f);
#ifdef __CUDA_ARCH__
        __syncthreads();
#endif
    }
    template <class Half>
    STEEPEST_HD STEEPEST_INLINE void multiply_add(int i, int j) {
        device::multiply_add<Half>(registers.a[i], registers.b[j / 2][j % 2], registers.c[i][j]);
    }
};

// The largest takes the shared memory of a multiprocessor for itself, and so its registers.
template <int S>
__global__ void __launch_bounds__(kThreads, S == 128 ? 1 : 2)
    polar_on_chip_kernel(const __grid_constant__ OnChipPass pass) {
    extern __shared__ __align__(16) unsigned char shared[];
    auto& memory = *reinterpret_cast<typename OnChip<S>::Memory*>(shared);
    OneOfTeam<OnChip<S>> team{{pass, memory, blockIdx.x, own_thread()}, {}};
    run_on_chip<S>(pass, team);
}

template <class Half, int S>
__global__ void __launch_bounds__(kThreads, 2)
    polar_half_on_chip_kernel(const __grid_constant__ OnChipPass pass) {
    using Block = HalfOnChip<Half, S>;
    extern __shared__ __align__(16) unsigned char shared[];
    auto& memory = *reinterpret_cast<typename Block::Memory*>(shared);
    OneOfTeam<Block> team{{pass, memory, blockIdx.x, own_thread()}, {}};
    HalfProgram<Block, OneOfTeam<Block>>(pass, team).run();
}

template <class T, int S>
__global__ void __launch_bounds__(kThreads, S > 64 ? 1 : 2)
    polar_gram_steps_kernel(const __grid_constant__ GramStepsPass pass) {
    using Block = GramOnChip<T, S>;
    extern __shared__ __align__(16) unsigned char shared[];
    auto& memory = *reinterpret_cast<typename Block::Memory*>(shared);
    OneOfTeam<Block> team{{pass, memory, blockIdx.x, own_thread()}, {}};
    run_gram_on_chip<T, S>(pass, team);
}

// With more shared memory than a kernel has without asking.
template <class Pass>
void launch_on_chip(void (*kernel)(const Pass), const Pass& pass, int64_t matrices, int shared,
                    void* stream, const char* name) {
    cuda::check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                     cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
                "cudaFuncSetAttribute");
    kernel<<<static_cast<unsigned>(matrices), kThreads, static_cast<size_t>(shared),
             static_cast<cudaStream_t>(stream)>>>(pass);
    cuda::check_launch(name);
}

template <class Kernel>
void launch_pass(Kernel kernel, const PolarPass& pass, int64_t blocks, void* stream,
                 const char* name) {
    kernel<<<static_cast<unsigned>(blocks), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(pass);
    cuda::check_launch(name);
}

struct CudaPasses {
    static void squares(const PolarPass& pass, int64_t blocks, void* stream) {
        launch_pass(polar_squares_kernel, pass, blocks, stream, "squares of matrices");
    }
    static void scales(const PolarPass& pass, int64_t blocks, void* stream) {
        launch_pass(polar_scales_kernel, pass, blocks, stream, "norms of matrices");
    }
    template <class T>
    static void load(const PolarPass& pass, int64_t blocks, void* stream) {
        launch_pass(polar_load_kernel<T>, pass, blocks, stream, "load of matrices");
    }
    template <class T>
    static void store(const PolarPass& pass, int64_t blocks, void* stream) {
        launch_pass(polar_store_kernel<T>, pass, blocks, stream, "store of matrices");
    }
    template <class T>
    static void copy_plus(const PolarPass& pass, int64_t blocks, void* stream) {
        launch_pass(polar_copy_plus_kernel<T>, pass, blocks, stream, "copy_plus");
    }
    template <class Half>
    static void split(const PolarPass& pass, int64_t blocks, void* stream) {
        launch_pass(polar_split_kernel<Half>, pass, blocks, stream, "split");
    }
    template <class T>
    static void line_sums(const PolarPass& pass, int64_t blocks, void* stream) {
        launch_pass(polar_line_sums_kernel<T>, pass, blocks, stream, "sums of rows");
    }
    static void line_factors(const PolarPass& pass, int64_t blocks, void* stream) {
        launch_pass(polar_line_factors_kernel, pass, blocks, stream, "factors of rows");
    }
    template <class T>
    static void multiply_lines(const PolarPass& pass, int64_t blocks, void* stream) {
        launch_pass(polar_multiply_lines_kernel<T>, pass, blocks, stream, "rescaling of rows");
    }
    template <int S>
    static void on_chip(const OnChipPass& pass, int64_t matrices, void* stream) {
        launch_on_chip(polar_on_chip_kernel<S>, pass, matrices, sizeof(typename OnChip<S>::Memory),
                       stream, "orthogonalisation on chip");
    }
    template <class Half, int S>
    static void half_on_chip(const OnChipPass& pass, int64_t matrices, void* stream) {
        launch_on_chip(polar_half_on_chip_kernel<Half, S>, pass, matrices,
                       sizeof(typename HalfOnChip<Half, S>::Memory), stream,
                       "orthogonalisation of halves on chip");
    }
    template <class T, int S>
    static void gram_steps(const GramStepsPass& pass, int64_t matrices, void* stream) {
        launch_on_chip(polar_gram_steps_kernel<T, S>, pass, matrices,
                       sizeof(typename GramOnChip<T, S>::Memory), stream, "Gram steps on chip");
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device

namespace steepest::cuda {

const device::PolarRuns& polar_runs() { return device::polar_runs_of<device::CudaPasses>(); }

}  // namespace steepest::cuda
