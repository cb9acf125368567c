// Dispatches a call with a stream: to CUDA, or to the emulation of device code on the host.
#pragma once

#include "core/cuda.h"
#include "steps/device/emulation.h"

namespace steepest {

inline bool is_emulated(const void* stream) { return stream == STEEPEST_STREAM_EMULATED; }

// work(backend) -> steepest_status
template <class F>
steepest_status on_stream(int32_t device, void* stream, F&& work) {
    if (is_emulated(stream)) return work(device::emulation());
    return cuda::with_backend(
        device, stream,
        [](device::Backend& backend, void* f) { return (*static_cast<F*>(f))(backend); }, &work);
}

}  // namespace steepest
