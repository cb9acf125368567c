// Devices, memory and streams for callers that have no framework.
#include <cstdio>

#include "core/cuda.h"
#include "cuda/cublaslt.h"
#include "cuda/error.h"

namespace steepest::cuda {
namespace {

thread_local char error_text[256] = "";

// The number of the capture that a stream is in, 0 for none. While another stream is captured the
// legacy default stream must not be asked, and is in no capture itself.
unsigned long long capture_of(void* stream) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    unsigned long long id = 0;
#if CUDART_VERSION >= 13000
    const cudaError_t error = cudaStreamGetCaptureInfo(static_cast<cudaStream_t>(stream), &status,
                                                       &id, nullptr, nullptr, nullptr, nullptr);
#else
    const cudaError_t error =
        cudaStreamGetCaptureInfo_v2(static_cast<cudaStream_t>(stream), &status, &id);
#endif
    if (error == cudaErrorStreamCaptureImplicit) {
        cudaGetLastError();
        return 0;
    }
    check(error, "cudaStreamGetCaptureInfo");
    return status == cudaStreamCaptureStatusNone ? 0 : id;
}

void refuse_in_capture(void* stream, const char* what) {
    if (capture_of(stream)) check(cudaErrorStreamCaptureUnsupported, what);
}

}  // namespace

const bool built = true;

void remember(cudaError_t error, const char* what) {
    cudaGetLastError();  // an error that can be left behind does not show up in the next call again
    std::snprintf(error_text, sizeof error_text, "%s: %s (%s)", what, cudaGetErrorString(error),
                  cudaGetErrorName(error));
}

void remember_library(const char* call, int status) {
    std::snprintf(error_text, sizeof error_text, "%s: status %d", call, status);
}

bool is_in_use(int device) {
    using GetState = int (*)(int device, unsigned* flags, int* active);
    static const GetState get_state = [] {
        void* function = nullptr;
        cudaDriverEntryPointQueryResult found;
#if CUDART_VERSION >= 12050
        const cudaError_t error = cudaGetDriverEntryPointByVersion(
            "cuDevicePrimaryCtxGetState", &function, 7000, cudaEnableDefault, &found);
#else
        const cudaError_t error = cudaGetDriverEntryPoint("cuDevicePrimaryCtxGetState", &function,
                                                          cudaEnableDefault, &found);
#endif
        if (error != cudaSuccess) cudaGetLastError();
        return error == cudaSuccess ? reinterpret_cast<GetState>(function) : nullptr;
    }();
    unsigned flags = 0;
    int active = 0;
    return get_state && get_state(device, &flags, &active) == 0 && active != 0;
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
    // It would belong to the graph, and not be there for other calls.
    refuse_in_capture(stream, "memory asked for in a capture: make the call once before it");
    check(cudaMallocAsync(memory, size > 0 ? size : 1, static_cast<cudaStream_t>(stream)),
          "cudaMallocAsync");
    return STEEPEST_OK;
}

steepest_status release(void* memory, int32_t device, void* stream) {
    if (!memory) return STEEPEST_OK;
    const CurrentDevice current(device);
    check(cudaFreeAsync(memory, static_cast<cudaStream_t>(stream)), "cudaFreeAsync");
    return STEEPEST_OK;
}

steepest_status wait(int32_t device, void* stream, void* before) {
    const CurrentDevice current(device);
    // A capture cannot wait for what is outside it, nor anything outside for a capture: whoever
    // began it orders the two.
    if (capture_of(stream) != capture_of(before)) return STEEPEST_OK;
    cudaEvent_t event;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
    const cudaError_t recorded = cudaEventRecord(event, static_cast<cudaStream_t>(before));
    const cudaError_t waits = recorded != cudaSuccess
                                  ? recorded
                                  : cudaStreamWaitEvent(static_cast<cudaStream_t>(stream), event);
    check(cudaEventDestroy(event), "cudaEventDestroy");  // takes effect once it has happened
    check(waits, "cudaStreamWaitEvent");
    return STEEPEST_OK;
}

bool captures(int32_t device, void* stream) {
    const CurrentDevice current(device);
    return capture_of(stream) != 0;
}

steepest_status read(void* to, const void* from, size_t size, int32_t device, void* stream) {
    const CurrentDevice current(device);
    const auto s = static_cast<cudaStream_t>(stream);
    refuse_in_capture(stream, "result read in a capture, where it does not exist yet");
    check(cudaMemcpyAsync(to, from, size, cudaMemcpyDeviceToHost, s), "cudaMemcpyAsync");
    check(cudaStreamSynchronize(s), "cudaStreamSynchronize");
    return STEEPEST_OK;
}

}  // namespace steepest::cuda
