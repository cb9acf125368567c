// The CUDA backend, and the kernels that belong to no rule.
#define STEEPEST_TARGET cuda_common
#include <atomic>
#include <cstring>

#include "core/cuda.h"
#include "cuda/cublaslt.h"
#include "cuda/error.h"
#include "cuda/fold.cuh"
#include "cuda/runs.h"
#include "steps/device/units.h"

namespace steepest::cuda {
namespace {

using namespace steepest::device;

__global__ void __launch_bounds__(kThreads, 2) squares_kernel(const __grid_constant__ Pass pass) {
    const Thread thread{static_cast<int32_t>(blockIdx.x), static_cast<int32_t>(threadIdx.x)};
    if (thread.warp() >= pass.first[pass.count]) return;
    const Item item = locate(pass.first, pass.count, thread.warp());
    const int lane = thread.lane();
    Squares::Sums lanes;
    Squares::block(pass, item, lane, lanes);
    double sums[Squares::kTerms] = {fold_warp(lanes.at[0]), fold_warp(lanes.at[1])};
    const Tensor& t = pass.tensors[item.tensor];
    if (!climb(t, item.index, lane, sums)) return;
    if (lane == 0) Squares::finish(pass, t, sums);
    const Norm& norm = pass.norm;
    if (!arrives_last(norm.arrived, static_cast<uint32_t>(norm.expected), lane)) return;
    const double squares = fold_tree(norm.sum, norm.count, lane);
    const double nonfinite = fold_tree(norm.sum + tree_nodes(norm.count), norm.count, lane);
    if (lane == 0) Squares::finish_all(pass, squares, nonfinite);
    __syncwarp();  // the coefficient of all is there
    Squares::finish_clips(pass, lane);
}

__global__ void advance_kernel(const __grid_constant__ Pass pass) {
    advance_one(pass, {static_cast<int32_t>(blockIdx.x), static_cast<int32_t>(threadIdx.x)});
}

// Of a unit, by a warp. Valid in thread 0.
__device__ double unit_squares(const void* data, uint8_t dtype, int64_t first, int64_t length,
                               int lane) {
    PairSum sum;
    for (int64_t b = 0; b * kBlock < length; ++b) {
        double held[kHeld] = {};
        add_unit_block(data, dtype, first, length, b, lane, held);
        sum.add(fold_warp(held));
    }
    return sum.total();
}

__global__ void __launch_bounds__(kThreads) units_kernel(const __grid_constant__ UnitPass pass) {
    const Thread thread{static_cast<int32_t>(blockIdx.x), static_cast<int32_t>(threadIdx.x)};
    if (thread.warp() >= pass.first[pass.count]) return;
    const Item item = locate(pass.first, pass.count, thread.warp());
    const Unit& u = pass.units[item.tensor];
    const int lane = thread.lane();
    const int64_t first = item.index * u.length;
    const double grad = unit_squares(u.grad, u.grad_dtype, first, u.length, lane);
    const double param = unit_squares(u.param, u.param_dtype, first, u.length, lane);
    double coefficient = unit_coefficient(pass.factor, pass.eps, grad, param);
    coefficient = __shfl_sync(kAllLanes, coefficient, 0);
    scale_unit(u, first, coefficient, lane);
}

// Bytes that travel as kernel arguments: in order with the stream, without page-locked memory, and
// captured into a graph by value.
template <int kWords>
struct Payload {
    uint32_t* to;
    int32_t words;
    uint32_t word[kWords];
};

template <int kWords>
__global__ void upload_kernel(const __grid_constant__ Payload<kWords> payload) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < payload.words) payload.to[i] = payload.word[i];
}

template <int kWords>
void upload_words(uint32_t* to, const char* from, size_t size, cudaStream_t stream) {
    Payload<kWords> payload;
    payload.to = to;
    payload.words = static_cast<int32_t>((size + 3) / 4);
    std::memcpy(payload.word, from, size);
    upload_kernel<kWords>
        <<<(payload.words + kThreads - 1) / kThreads, kThreads, 0, stream>>>(payload);
    check_launch("upload");
}

// An attribute of a device that is positive, asked for once.
template <cudaDeviceAttr kAttribute>
int attribute_of(int device) {
    constexpr int kKnown = 64;
    static std::atomic<int> known[kKnown];
    int n = device < kKnown ? known[device].load(std::memory_order_relaxed) : 0;
    if (n > 0) return n;
    check(cudaDeviceGetAttribute(&n, kAttribute, device), "cudaDeviceGetAttribute");
    if (device < kKnown) known[device].store(n, std::memory_order_relaxed);
    return n;
}

// Memory of a library's own that it takes while a stream is captured is none of the graph's.
class OutsideCapture {
  public:
    OutsideCapture() { exchange(); }
    ~OutsideCapture() { exchange(); }
    OutsideCapture(const OutsideCapture&) = delete;
    OutsideCapture& operator=(const OutsideCapture&) = delete;

  private:
    void exchange() {
        if (cudaThreadExchangeStreamCaptureMode(&mode_) != cudaSuccess) cudaGetLastError();
    }

    cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

class CudaBackend final : public Backend {
  public:
    CudaBackend(int device, cudaStream_t stream)
        : stream_(stream),
          device_(device),
          multiprocessors_(attribute_of<cudaDevAttrMultiProcessorCount>(device)),
          shared_bytes_(attribute_of<cudaDevAttrMaxSharedMemoryPerBlockOptin>(device)) {
        cudaStreamCaptureStatus status;
        check(cudaStreamIsCapturing(stream, &status), "cudaStreamIsCapturing");
        captured_ = status != cudaStreamCaptureStatusNone;
    }

    const RuleRuns& runs(int rule, bool is_f64) const override {
        return is_f64 ? runs_f64()[rule] : runs_f32()[rule];
    }
    const ProbeRuns& probe_runs(int distribution, bool is_f64) const override {
        return cuda::probe_runs(static_cast<curvature::Distribution>(distribution), is_f64);
    }
    const ProductRuns& product_runs(bool has_columns) const override {
        return cuda::product_runs(has_columns);
    }
    const ProductLibrary* library() const override {
        const OutsideCapture outside;
        return cublaslt(device_);
    }
    const PolarRuns& polar_runs() const override { return cuda::polar_runs(); }
    const LinesRuns& lines_runs() const override { return cuda::lines_runs(); }
    const LineSumsRuns& line_sums_runs() const override { return cuda::line_sums_runs(); }
    const ReportRuns& report_runs() const override { return cuda::report_runs(); }
    const GramRuns& gram_runs() const override { return cuda::gram_runs(); }
    const RankOneRuns& rank_one_runs() const override { return cuda::rank_one_runs(); }
    const PairRuns& pair_runs() const override { return cuda::pair_runs(); }
    const OasisRuns& oasis_runs() const override { return cuda::oasis_runs(); }
    void run_squares(const Pass& pass, int64_t items) override {
        const auto blocks = static_cast<unsigned>((items + kWarps - 1) / kWarps);
        squares_kernel<<<blocks, kThreads, 0, stream_>>>(pass);
        check_launch("grad_norm");
    }
    void run_advance(const Pass& pass, int64_t items) override {
        const auto blocks = static_cast<unsigned>((items + kThreads - 1) / kThreads);
        advance_kernel<<<blocks, kThreads, 0, stream_>>>(pass);
        check_launch("advance");
    }
    void run_units(const UnitPass& pass, int64_t items) override {
        const auto blocks = static_cast<unsigned>((items + kWarps - 1) / kWarps);
        units_kernel<<<blocks, kThreads, 0, stream_>>>(pass);
        check_launch("clip_units");
    }
    void upload(void* to, const void* from, size_t size) override {
        // Words: within 4 KiB and 32 KiB of arguments.
        constexpr size_t kSmall = 960, kLarge = kUploadBytes / 4;
        auto* at = static_cast<uint32_t*>(to);
        const auto* bytes = static_cast<const char*>(from);
        while (size > 0) {
            const size_t part = size < kLarge * 4 ? size : kLarge * 4;
            if (part <= kSmall * 4)
                upload_words<kSmall>(at, bytes, part, stream_);
            else
                upload_words<kLarge>(at, bytes, part, stream_);
            at += part / 4;
            bytes += part;
            size -= part;
        }
    }
    void read(void* to, const void* from, size_t size) override {
        if (captured_) check(cudaErrorStreamCaptureUnsupported, "numbers waited for in a capture");
        check(cudaMemcpyAsync(to, from, size, cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync");
        check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
    }
    bool is_immediate() const override { return !captured_; }
    int multiprocessors() const override { return multiprocessors_; }
    int shared_bytes() const override { return shared_bytes_; }
    void* stream() const override { return stream_; }

  private:
    cudaStream_t stream_;
    int device_;
    int multiprocessors_;
    int shared_bytes_;
    bool captured_;
};

}  // namespace

steepest_status with_backend(int32_t device, void* stream, Work work, void* context) {
    const CurrentDevice current(device);
    CudaBackend backend(device, static_cast<cudaStream_t>(stream));
    return work(backend, context);
}

}  // namespace steepest::cuda
