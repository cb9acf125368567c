// The C entries of sums and comparisons of pairs of matrices. Without a stream the emulation of the
// device code does the work: these are there for programs on a device.
#include <cmath>

#include "core/arena.h"
#include "core/dtype.h"
#include "core/fence.h"
#include "core/parallel.h"
#include "core/stream.h"
#include "polar/device/pairs_driver.h"

namespace {

using namespace steepest;

constexpr int32_t kMostPower = 2000;

bool is_power(int32_t p) { return p >= -kMostPower && p <= kMostPower; }

bool is_dtype(const steepest_elements& e) { return e.dtype >= 0 && e.dtype < kDTypes; }

steepest_status check_item(const steepest_combination& item, bool has_elements, bool compares) {
    if (has_elements && (compares ? !item.x : !item.out)) return STEEPEST_INVALID_ARGUMENT;
    const bool is_finite = std::isfinite(item.a) && std::isfinite(item.b) && std::isfinite(item.c);
    return is_finite && is_power(item.x_power) && is_power(item.y_power) ? STEEPEST_OK
                                                                         : STEEPEST_INVALID_HYPER;
}

steepest_status check(const steepest_combine_args& a) {
    if (a.struct_size < sizeof a || a.item_size < sizeof(steepest_combination) || a.count < 0 ||
        a.rows < 0 || a.cols < 0 || (a.count && !a.items))
        return STEEPEST_INVALID_ARGUMENT;
    if (!is_dtype(a.x) || !is_dtype(a.y) || !is_dtype(a.out)) return STEEPEST_INVALID_DTYPE;
    const auto* at = reinterpret_cast<const char*>(a.items);
    for (int64_t i = 0; i < a.count; ++i, at += a.item_size) {
        const auto& item = *reinterpret_cast<const steepest_combination*>(at);
        if (const auto s = check_item(item, a.rows > 0 && a.cols > 0, a.found != nullptr)) return s;
    }
    return STEEPEST_OK;
}

template <class F>
steepest_status run(const steepest_combine_args* args, F&& work) {
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args)) return status;
        if (reinterpret_cast<uintptr_t>(args->workspace) % Arena::kAlignment)
            return STEEPEST_INVALID_ARGUMENT;
        if (args->count == 0) return STEEPEST_OK;
        if (!args->stream) return work(device::emulation());
        return on_stream(args->device, args->stream,
                         [&](device::Backend& backend) { return work(backend); });
    });
}

}  // namespace

steepest_status steepest_combine(const steepest_combine_args* args) {
    if (!args || args->found) return STEEPEST_INVALID_ARGUMENT;
    return run(args, [&](device::Backend& backend) { return device::combine(*args, backend); });
}

steepest_status steepest_compare(const steepest_combine_args* args) {
    if (!args || (args->count > 0 && !args->found)) return STEEPEST_INVALID_ARGUMENT;
    return run(args, [&](device::Backend& backend) { return device::compare(*args, backend); });
}

steepest_status steepest_combine_workspace(const steepest_combine_args* args, size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        *size = device::pairs_size(*args);
        return STEEPEST_OK;
    });
}
