// Norms of rows and columns: the kernels, and how each is launched. All bodies are shared with the
// emulation.
#define STEEPEST_TARGET cuda_lines
#include "cuda/error.h"
#include "cuda/fold.cuh"
#include "cuda/runs.h"
#include "polar/device/lines.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

__device__ STEEPEST_INLINE int32_t lane_of_thread() {
    return static_cast<int32_t>(threadIdx.x) % kWarp;
}
__device__ STEEPEST_INLINE int32_t warp_of_thread() {
    return static_cast<int32_t>(threadIdx.x) / kWarp;
}

// Valid in all threads of the warp.
__device__ STEEPEST_INLINE double line_squares(const LinesView& v, int64_t line, double power) {
    PairSum sum;
    for (int64_t b = 0; b * kBlock < v.length; ++b) {
        double held[kHeld] = {};
        add_line_block(v, line, power, b, lane_of_thread(), held);
        sum.add(fold_warp(held));
    }
    return __shfl_sync(kAllLanes, sum.total(), 0);
}

__device__ STEEPEST_INLINE double largest_of_threads(double largest) {
    STEEPEST_UNROLL
    for (int distance = kWarp / 2; distance > 0; distance /= 2)
        largest = maximum(largest, __shfl_xor_sync(kAllLanes, largest, distance));
    return largest;
}

__device__ STEEPEST_INLINE void sum_line(const LinesPass& pass, const LinesView& v, int64_t line) {
    if (line >= v.lines) return;
    double power = pass.again ? v.power[line] : 1;
    double squares = line_squares(v, line, power);
    if (!pass.again && has_doubles(v) && !v.is_shared && !is_trusted(squares)) {
        power = power_near(largest_of_threads(largest_of_line(v, line, lane_of_thread(), kWarp)));
        squares = line_squares(v, line, power);
    }
    if (lane_of_thread() != 0) return;
    v.power[line] = power;
    v.value[line] = squares;
}

// Valid in the first warp, each thread of which has its line.
__device__ STEEPEST_INLINE double abreast_squares(const LinesView& v, int64_t line, double power,
                                                  AbreastLanes& lanes) {
    const int32_t column = lane_of_thread(), warp = warp_of_thread();
    PairSum sum;
    for (int64_t b = 0; b * kBlock < v.length; ++b) {
        double held[kLanesOfWarp] = {};
        if (line < v.lines) add_abreast_block(v, line, power, b, warp, held);
        STEEPEST_UNROLL
        for (int k = 0; k < kLanesOfWarp; ++k) lanes.at[warp * kLanesOfWarp + k][column] = held[k];
        for (int half = kLanes / 2; half > 0; half /= 2) {
            __syncthreads();
            fold_abreast(lanes, static_cast<int32_t>(threadIdx.x), half);
        }
        __syncthreads();
        if (warp == 0) sum.add(lanes.at[0][column]);
        __syncthreads();  // before the lanes are written again
    }
    return warp == 0 ? sum.total() : 0;
}

__device__ STEEPEST_INLINE void sum_abreast(const LinesPass& pass, const LinesView& v,
                                            int64_t first) {
    __shared__ AbreastLanes lanes;
    __shared__ double powers[kAbreastLines];
    const int64_t line = first + lane_of_thread();
    const bool leads = warp_of_thread() == 0 && line < v.lines;
    double power = pass.again && line < v.lines ? v.power[line] : 1;
    double squares = abreast_squares(v, line, power, lanes);
    bool mends = leads && !pass.again && has_doubles(v) && !v.is_shared && !is_trusted(squares);
    if (mends) powers[lane_of_thread()] = power_near(largest_of_line(v, line, 0, 1));
    if (warp_of_thread() == 0 && !mends) powers[lane_of_thread()] = power;
    if (__syncthreads_or(mends)) {
        power = powers[lane_of_thread()];
        squares = abreast_squares(v, line, power, lanes);
    }
    if (!leads) return;
    v.power[line] = power;
    v.value[line] = squares;
}

// Two blocks that stay on a multiprocessor leave registers enough.
__global__ void __launch_bounds__(kThreads, 2)
    lines_sums_kernel(const __grid_constant__ LinesPass pass) {
    const Item item = locate(pass.first, pass.count, static_cast<int32_t>(blockIdx.x));
    const LinesView& v = pass.views[item.tensor];
    if (!is_summed(pass, v)) return;
    if (v.is_abreast)
        sum_abreast(pass, v, int64_t{item.index} * kAbreastLines);
    else
        sum_line(pass, v, int64_t{item.index} * kWarps + warp_of_thread());
}

// The tree over the lines, whose leaves are there. Valid in all threads of the CUDA block.
__device__ STEEPEST_INLINE double fold_block(double* tree, int64_t n) {
    __shared__ double total;
    __syncthreads();  // the leaves are there, and nobody needs the last total
    if (warp_of_thread() == 0) {
        const double sum = fold_tree(tree, n, lane_of_thread());
        if (lane_of_thread() == 0) total = sum;
    }
    __syncthreads();
    return total;
}

__device__ STEEPEST_INLINE double largest_of_matrix(const LinesView& v) {
    __shared__ double largest[kWarps];
    double own = 0;
    for (int64_t line = 0; line < v.lines; ++line)
        own = maximum(own, largest_of_line(v, line, static_cast<int32_t>(threadIdx.x), kThreads));
    own = largest_of_threads(own);
    if (lane_of_thread() == 0) largest[warp_of_thread()] = own;
    __syncthreads();
    for (int w = 0; w < kWarps; ++w) own = maximum(own, largest[w]);
    return own;
}

__global__ void __launch_bounds__(kThreads)
    lines_powers_kernel(const __grid_constant__ LinesPass pass) {
    const LinesView& v = pass.views[blockIdx.x];
    if (!v.is_shared || !has_doubles(v) || v.lines == 0) return;
    const auto thread = static_cast<int32_t>(threadIdx.x);
    copy_leaves(v, thread);
    if (is_trusted(fold_block(v.tree, v.lines))) return;
    put_powers(v, power_near(largest_of_matrix(v)), thread);
}

__global__ void __launch_bounds__(kThreads)
    lines_factors_kernel(const __grid_constant__ LinesPass pass) {
    const LinesView& v = pass.views[blockIdx.x];
    if (!v.has_norms || v.lines == 0) return;
    const auto thread = static_cast<int32_t>(threadIdx.x);
    copy_leaves(v, thread);
    const double before = v.is_shared ? fold_block(v.tree, v.lines) : 0;
    if (!v.moments) return find_factors(v, before, thread);
    follow_moments(v, thread);
    const double after = fold_block(v.tree + tree_nodes(v.lines), v.lines);
    multiply_factors(v, restoring(v, before, after), thread);
}

__global__ void __launch_bounds__(kThreads)
    lines_write_kernel(const __grid_constant__ LinesPass pass) {
    const Item item = locate(pass.first, pass.count, static_cast<int32_t>(blockIdx.x));
    const LinesView& v = pass.views[item.tensor];
    write_tile(v, lines_tile(v, item.index), static_cast<int32_t>(threadIdx.x));
}

template <class Kernel>
void launch_lines(Kernel kernel, const LinesPass& pass, int64_t blocks, void* stream,
                  const char* name) {
    kernel<<<static_cast<unsigned>(blocks), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(pass);
    cuda::check_launch(name);
}

struct CudaLines {
    static void sums(const LinesPass& pass, int64_t blocks, void* stream) {
        launch_lines(lines_sums_kernel, pass, blocks, stream, "sums of lines");
    }
    static void powers(const LinesPass& pass, int64_t blocks, void* stream) {
        launch_lines(lines_powers_kernel, pass, blocks, stream, "powers of lines");
    }
    static void factors(const LinesPass& pass, int64_t blocks, void* stream) {
        launch_lines(lines_factors_kernel, pass, blocks, stream, "factors of lines");
    }
    static void write(const LinesPass& pass, int64_t blocks, void* stream) {
        launch_lines(lines_write_kernel, pass, blocks, stream, "normalize");
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device

namespace steepest::cuda {

const device::LinesRuns& lines_runs() {
    using device::CudaLines;
    static constexpr device::LinesRuns runs = {CudaLines::sums, CudaLines::powers,
                                               CudaLines::factors, CudaLines::write};
    return runs;
}

}  // namespace steepest::cuda
