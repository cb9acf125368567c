// What the rest of the library may ask of CUDA. The folder cuda/ answers, or no_cuda/ in a build
// without it, so that no caller needs an #ifdef.
#pragma once

#include <cstddef>
#include <cstdint>

#include "steepest/steepest.h"
#include "steps/device/backend.h"

namespace steepest::cuda {

extern const bool built;

int device_count();

// Stream-ordered memory, order between streams, and reading back. With the emulation's stream all
// of these work on the host.
steepest_status allocate(size_t size, int32_t device, void* stream, void** memory);
steepest_status release(void* memory, int32_t device, void* stream);
steepest_status wait(int32_t device, void* stream, void* before);
// Whether the stream is being captured into a graph.
bool captures(int32_t device, void* stream);
steepest_status read(void* to, const void* from, size_t size, int32_t device, void* stream);

// Calls work(backend, context) with the device made current, and puts the caller's back.
using Work = steepest_status (*)(device::Backend& backend, void* context);
steepest_status with_backend(int32_t device, void* stream, Work work, void* context);

// Who makes large general products on devices, and why, in a few words.
const char* general_products();

// Text of the calling thread's last failure.
const char* last_error();

}  // namespace steepest::cuda
