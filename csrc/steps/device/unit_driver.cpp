#include "steps/device/unit_driver.h"

#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/arena.h"
#include "steps/device/units.h"

namespace steepest::device {
namespace {

size_t aligned(size_t bytes) {
    return (bytes + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment;
}

Unit unit_of(const steepest_unit_tensor& t) {
    return {.grad = t.grad.data,
            .param = t.param.data,
            .length = t.length,
            .grad_dtype = static_cast<uint8_t>(t.grad.dtype),
            .param_dtype = static_cast<uint8_t>(t.param.dtype)};
}

}  // namespace

size_t clip_units_size(const steepest_clip_units_args& args) {
    const auto count = static_cast<size_t>(args.count);
    return aligned(count * sizeof(Unit)) + aligned((count + 1) * sizeof(int32_t));
}

steepest_status clip_units(const steepest_clip_units_args& args, Backend& backend) {
    if (args.workspace_size < clip_units_size(args)) return STEEPEST_WORKSPACE_TOO_SMALL;
    if (reinterpret_cast<uintptr_t>(args.workspace) % Arena::kAlignment)
        return STEEPEST_INVALID_ARGUMENT;
    const UnitTensors tensors(args);
    std::vector<Unit> units;
    std::vector<int32_t> first;
    int64_t total = 0;
    for (int64_t i = 0; i < args.count; ++i) {
        if (tensors.size(i) == 0) continue;
        units.push_back(unit_of(tensors[i]));
        first.push_back(static_cast<int32_t>(total));
        total += tensors[i].units;
        if (total > std::numeric_limits<int32_t>::max()) throw std::length_error("too many units");
    }
    if (units.empty()) return STEEPEST_OK;
    first.push_back(static_cast<int32_t>(total));
    const size_t split = aligned(units.size() * sizeof(Unit));
    std::vector<char> host(split + first.size() * sizeof(int32_t));
    std::memcpy(host.data(), units.data(), units.size() * sizeof(Unit));
    std::memcpy(host.data() + split, first.data(), first.size() * sizeof(int32_t));
    char* base = static_cast<char*>(args.workspace);
    backend.upload(base, host.data(), host.size());
    backend.run_units({.units = reinterpret_cast<const Unit*>(base),
                       .first = reinterpret_cast<const int32_t*>(base + split),
                       .count = static_cast<int32_t>(units.size()),
                       .factor = args.factor,
                       .eps = args.eps},
                      total);
    return STEEPEST_OK;
}

}  // namespace steepest::device
