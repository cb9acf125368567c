// Kernels in phases: see steps/device/phases.h.
#pragma once

#include "cuda/error.h"
#include "steps/device/phases.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class Kernel, int kPhase>
__device__ STEEPEST_INLINE void run_phases(const typename Kernel::Pass& pass, const Thread& thread,
                                           typename Kernel::Shared& shared) {
    Kernel::template run<kPhase>(pass, thread, shared);
    if constexpr (kPhase + 1 < Kernel::kPhases) {
        __syncthreads();
        run_phases<Kernel, kPhase + 1>(pass, thread, shared);
    }
}

template <class Kernel>
__global__ void __launch_bounds__(kThreads, 2)
    phases_kernel(const __grid_constant__ typename Kernel::Pass pass) {
    __shared__ typename Kernel::Shared shared;
    const Thread thread{static_cast<int32_t>(blockIdx.x), static_cast<int32_t>(threadIdx.x)};
    run_phases<Kernel, 0>(pass, thread, shared);
}

struct CudaPhases {
    template <class Kernel>
    static void run(const typename Kernel::Pass& pass, int64_t blocks, void* stream) {
        phases_kernel<Kernel>
            <<<static_cast<unsigned>(blocks), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
                pass);
        cuda::check_launch(Kernel::kName);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
