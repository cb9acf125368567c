// The kernels of the norm report. All bodies are shared with the emulation.
#define STEEPEST_TARGET cuda_report
#include "cuda/phases.cuh"
#include "cuda/runs.h"
#include "norms/device/report_kernels.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

__global__ void __launch_bounds__(kThreads) panels_kernel(const __grid_constant__ ReportPass pass) {
    __shared__ SumPanels::Shared shared;
    const Thread thread{static_cast<int32_t>(blockIdx.x), static_cast<int32_t>(threadIdx.x)};
    const PanelPart part = PanelPart::of(pass, thread);
    const bool takes_part = SumPanels::takes_part(pass, part);
    SumPanels::State state;
    STEEPEST_ROLLED
    for (int round = 0; round < kRounds; ++round) {
        if (takes_part) SumPanels::take(pass, part, round, state, shared);
        __syncthreads();
        if (takes_part) SumPanels::fold_parts(part, shared);
        __syncthreads();
        if (takes_part) SumPanels::fold(part, round, shared);
    }
    if (takes_part) SumPanels::leave(part, state, shared);
    __syncthreads();
    if (takes_part) SumPanels::finish(part, shared);
}

struct CudaReport : CudaPhases {
    static void sum_panels(const ReportPass& pass, int64_t blocks, void* stream) {
        panels_kernel<<<static_cast<unsigned>(blocks), kThreads, 0,
                        static_cast<cudaStream_t>(stream)>>>(pass);
        cuda::check_launch(SumPanels::kName);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device

namespace steepest::cuda {

const device::ReportRuns& report_runs() { return device::report_runs_of<device::CudaReport>(); }

}  // namespace steepest::cuda
