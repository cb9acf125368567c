// CUDA errors as exceptions that the fence of the C ABI turns into a status, and their text.
#pragma once

#include <cuda_runtime.h>

#include <cstdio>

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

// After a launch. An error that an earlier kernel left in the context shows here too.
inline void check_launch(const char* kernel) { check(cudaGetLastError(), kernel); }

// The same for one of the kernels of a rule.
inline void check_launch(const char* rule, const char* kernel) {
    const cudaError_t error = cudaGetLastError();
    if (error == cudaSuccess) return;
    char what[96];
    std::snprintf(what, sizeof what, "%s: %s", rule, kernel);
    check(error, what);
}

// Whether a device has a context that is in use. To make a device without one current would create
// it, and take hundreds of megabytes of a device that nobody works on.
bool is_in_use(int device);

// Makes a device current and puts the caller's back.
class CurrentDevice {
  public:
    explicit CurrentDevice(int device) : changed_(false) {
        check(cudaGetDevice(&before_), "cudaGetDevice");
        if (before_ == device && is_in_use(device)) return;
        changed_ = before_ != device && is_in_use(before_);
        check(cudaSetDevice(device), "cudaSetDevice");
    }
    ~CurrentDevice() {
        if (changed_ && cudaSetDevice(before_) != cudaSuccess) cudaGetLastError();
    }
    CurrentDevice(const CurrentDevice&) = delete;
    CurrentDevice& operator=(const CurrentDevice&) = delete;

  private:
    int before_ = 0;
    bool changed_;
};

}  // namespace steepest::cuda
