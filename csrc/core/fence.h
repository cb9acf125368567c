// The exception fence of the C ABI: nothing thrown inside leaves an entry.
#pragma once

#include <new>

#include "steepest/steepest.h"

namespace steepest {

// A CUDA error; its text is kept for steepest_last_device_error.
struct DeviceFailure {};

template <class F>
steepest_status fenced(F&& body) noexcept {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return STEEPEST_OUT_OF_MEMORY;
    } catch (const DeviceFailure&) {
        return STEEPEST_DEVICE_ERROR;
    } catch (...) {
        return STEEPEST_INTERNAL_ERROR;
    }
}

}  // namespace steepest
