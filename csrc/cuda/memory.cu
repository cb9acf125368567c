// Devices, memory and streams for callers that have no framework.
#include <cstdio>

#include "core/cuda.h"
#include "cuda/error.h"

namespace steepest::cuda {
namespace {

thread_local char error_text[256] = "";

bool is_captured(void* stream) {
    cudaStreamCaptureStatus status;
    check(cudaStreamIsCapturing(static_cast<cudaStream_t>(stream), &status),
          "cudaStreamIsCapturing");
    return status != cudaStreamCaptureStatusNone;
}

}  // namespace

const bool built = true;

void remember(cudaError_t error, const char* what) {
    cudaGetLastError();  // an error that can be left behind does not show up in the next call again
    std::snprintf(error_text, sizeof error_text, "%s: %s (%s)", what, cudaGetErrorString(error),
                  cudaGetErrorName(error));
}

const char* last_error() { return error_text; }

int device_count() {
    int count = 0;
    if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
    cudaGetLastError();
    return 0;
}

steepest_status allocate(size_t size, int32_t device, void* stream, void** memory) {
    const CurrentDevice current(device);
    check(cudaMallocAsync(memory, size > 0 ? size : 1, static_cast<cudaStream_t>(stream)),
          "cudaMallocAsync");
    return STEEPEST_OK;
}

steepest_status release(void* memory, int32_t device, void* stream) {
    const CurrentDevice current(device);
    check(cudaFreeAsync(memory, static_cast<cudaStream_t>(stream)), "cudaFreeAsync");
    return STEEPEST_OK;
}

steepest_status wait(int32_t device, void* stream, void* before) {
    const CurrentDevice current(device);
    // A capture cannot wait for what is outside it; whoever began it has ordered the two.
    if (is_captured(stream) && !is_captured(before)) return STEEPEST_OK;
    cudaEvent_t event;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
    const cudaError_t recorded = cudaEventRecord(event, static_cast<cudaStream_t>(before));
    const cudaError_t waits = recorded != cudaSuccess
                                  ? recorded
                                  : cudaStreamWaitEvent(static_cast<cudaStream_t>(stream), event);
    cudaEventDestroy(event);  // once it has happened
    check(waits, "cudaStreamWaitEvent");
    return STEEPEST_OK;
}

steepest_status read(void* to, const void* from, size_t size, int32_t device, void* stream) {
    const CurrentDevice current(device);
    const auto s = static_cast<cudaStream_t>(stream);
    check(cudaMemcpyAsync(to, from, size, cudaMemcpyDeviceToHost, s), "cudaMemcpyAsync");
    check(cudaStreamSynchronize(s), "cudaStreamSynchronize");
    return STEEPEST_OK;
}

}  // namespace steepest::cuda
