// CUDA errors as exceptions that the fence of the C ABI turns into a status, and their text.
#pragma once

#include <cuda_runtime.h>

#include "core/fence.h"

namespace steepest::cuda {

// Keeps the text for steepest_last_device_error. `what` is the call or the kernel.
void remember(cudaError_t error, const char* what);

inline void check(cudaError_t error, const char* what) {
    if (error == cudaSuccess) return;
    remember(error, what);
    if (error == cudaErrorMemoryAllocation) throw std::bad_alloc();
    throw DeviceFailure();
}

// After a launch. An error of an earlier launch, of ours or not, may show here too.
inline void check_launch(const char* kernel) { check(cudaGetLastError(), kernel); }

// Makes a device current and puts the caller's back.
class CurrentDevice {
  public:
    explicit CurrentDevice(int device) : changed_(false) {
        check(cudaGetDevice(&before_), "cudaGetDevice");
        if (before_ == device) return;
        check(cudaSetDevice(device), "cudaSetDevice");
        changed_ = true;
    }
    ~CurrentDevice() {
        if (changed_) cudaSetDevice(before_);
    }
    CurrentDevice(const CurrentDevice&) = delete;
    CurrentDevice& operator=(const CurrentDevice&) = delete;

  private:
    int before_ = 0;
    bool changed_;
};

}  // namespace steepest::cuda
