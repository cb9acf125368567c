// The C entries about devices.
#include <cstring>
#include <new>

#include "core/arena.h"
#include "core/fence.h"
#include "core/stream.h"
#include "steps/device/launches.h"

namespace {

using namespace steepest;

constexpr std::align_val_t kAlignment{Arena::kAlignment};

}  // namespace

const char* steepest_last_device_error(void) { return cuda::last_error(); }

int steepest_device_count(void) { return cuda::device_count(); }

const char* steepest_device_products(void) { return cuda::general_products(); }

steepest_status steepest_device_malloc(size_t size, int32_t device, void* stream, void** memory) {
    if (!stream || !memory) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (!is_emulated(stream)) return cuda::allocate(size, device, stream, memory);
        *memory = ::operator new(size, kAlignment);
        return STEEPEST_OK;
    });
}

steepest_status steepest_device_free(void* memory, int32_t device, void* stream) {
    if (!stream) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (!is_emulated(stream)) return cuda::release(memory, device, stream);
        ::operator delete(memory, kAlignment);
        return STEEPEST_OK;
    });
}

steepest_status steepest_device_wait(int32_t device, void* stream, void* before) {
    if (!stream || !before) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (is_emulated(stream) || stream == before) return STEEPEST_OK;
        return cuda::wait(device, stream, before);
    });
}

int64_t steepest_emulated_launches(const char** names, int64_t capacity) {
    return device::recorded_launches(names, names ? capacity : 0);
}

int steepest_device_captures(int32_t device, void* stream) {
    int captures = 0;
    if (!stream || is_emulated(stream)) return 0;
    fenced([&] {
        captures = cuda::captures(device, stream) ? 1 : 0;
        return STEEPEST_OK;
    });
    return captures;
}

steepest_status steepest_device_read(void* to, const void* from, size_t size, int32_t device,
                                     void* stream) {
    if (!stream || (size && (!to || !from))) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (!is_emulated(stream)) return cuda::read(to, from, size, device, stream);
        std::memcpy(to, from, size);
        return STEEPEST_OK;
    });
}
