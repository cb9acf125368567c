// Adaptive clipping on the CPU, and its C entries.
#include <cmath>
#include <cstring>

#include "core/fence.h"
#include "core/pieces.h"
#include "core/stream.h"
#include "steps/device/unit_driver.h"
#include "steps/driver.h"
#include "steps/units.h"

namespace steepest {
namespace {

Operand operand(const steepest_array& a) {
    return {.data = a.data,
            .dtype = static_cast<DType>(a.dtype),
            .rounding = Rounding::nearest,
            .purpose = 0};
}

double squares_of(const StepKernels& kernels, const Operand& x, int64_t first, int64_t n) {
    PairSum sum;
    for (int64_t block = 0; block < n; block += kBlock) {
        alignas(64) double lanes[2 * kLanes] = {};
        add_squares(kernels, x, first + block, first + std::min(block + kBlock, n), lanes);
        sum.add(fold_lanes(lanes));
    }
    return sum.total();
}

void scale(const StepKernels& kernels, const Operand& x, int64_t first, int64_t n,
           double coefficient) {
    const bool is_f64 = x.dtype == DType::f64;
    const Stage<float> single{.factor = static_cast<float>(coefficient)};
    const Stage<double> twice{.factor = coefficient};
    const void* stage = is_f64 ? static_cast<const void*>(&twice) : &single;
    const LoadFn load = kernels.load[static_cast<int>(x.dtype)];
    const StoreFn store = kernels.store[static_cast<int>(x.dtype)];
    alignas(64) float decoded[kTile];
    alignas(64) char scaled[kTile * sizeof(double)];
    for (int64_t at = first; at < first + n; at += kTile) {
        const int64_t m = std::min(kTile, first + n - at);
        if (load) load(x.at(at), decoded, m);
        const void* from = load ? decoded : x.at(at);
        kernels.stage[is_f64](stage, from, from, scaled, m);
        if (store)
            store(reinterpret_cast<const float*>(scaled), x.at(at), m);
        else
            std::memcpy(x.at(at), scaled, static_cast<size_t>(m) * sizeof(double));
    }
}

void clip_unit(const StepKernels& kernels, const steepest_clip_units_args& args,
               const steepest_unit_tensor& t, int64_t unit) {
    const Operand grad = operand(t.grad);
    const int64_t first = unit * t.length;
    const double coefficient =
        unit_coefficient(args.factor, args.eps, squares_of(kernels, grad, first, t.length),
                         squares_of(kernels, operand(t.param), first, t.length));
    if (coefficient != 1) scale(kernels, grad, first, t.length, coefficient);
}

// Threads share the units by their first elements.
void clip_on_cpu(const steepest_clip_units_args& args, const StepKernels& kernels) {
    const UnitTensors tensors(args);
    int64_t total = 0;
    for (int64_t i = 0; i < args.count; ++i) total += tensors.size(i);
    if (total == 0) return;
    const int threads = threads_for(total);
    parallel(threads, parts_for(threads, total), [&](int part, int parts) {
        const auto share = [&](int p) {
            return total / parts * p + std::min<int64_t>(total % parts, p);
        };
        int64_t offset = 0;
        for (int64_t i = 0; i < args.count; offset += tensors.size(i++)) {
            const steepest_unit_tensor& t = tensors[i];
            if (tensors.size(i) == 0) continue;
            const auto unit_at = [&](int64_t element) {
                const int64_t unit = (element - offset + t.length - 1) / t.length;
                return std::clamp<int64_t>(unit, 0, t.units);
            };
            const int64_t end = unit_at(share(part + 1));
            for (int64_t u = unit_at(share(part)); u < end; ++u) clip_unit(kernels, args, t, u);
        }
    });
}

bool is_array(const steepest_array& a) {
    return a.data && a.dtype >= 0 && a.dtype < kDTypes &&
           reinterpret_cast<uintptr_t>(a.data) %
                   static_cast<uintptr_t>(size_of(static_cast<DType>(a.dtype))) ==
               0;
}

steepest_status check(const steepest_clip_units_args& a) {
    if (a.struct_size < sizeof a || a.tensor_size < sizeof(steepest_unit_tensor) || a.count < 0 ||
        (a.count && !a.tensors))
        return STEEPEST_INVALID_ARGUMENT;
    if (!(a.factor > 0) || std::isinf(a.factor) || !(a.eps >= 0) || std::isinf(a.eps))
        return STEEPEST_INVALID_HYPER;
    const UnitTensors tensors(a);
    for (int64_t i = 0; i < a.count; ++i) {
        const steepest_unit_tensor& t = tensors[i];
        if (!t.grad.data) continue;
        int64_t size = 0;
        if (t.units < 0 || t.length < 0 || __builtin_mul_overflow(t.units, t.length, &size) ||
            size > kMostElements)
            return STEEPEST_INVALID_ARGUMENT;
        if (size > 0 && !(is_array(t.grad) && is_array(t.param))) return STEEPEST_INVALID_ARGUMENT;
    }
    return STEEPEST_OK;
}

}  // namespace
}  // namespace steepest

using namespace steepest;

steepest_status steepest_clip_units_workspace(const steepest_clip_units_args* args, size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    if (const auto status = check(*args)) return status;
    *size = args->stream ? device::clip_units_size(*args) : 0;
    return STEEPEST_OK;
}

steepest_status steepest_clip_units(const steepest_clip_units_args* args) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args)) return status;
        if (args->stream)
            return on_stream(args->device, args->stream, [&](device::Backend& backend) {
                return device::clip_units(*args, backend);
            });
        cpu::Target target;
        if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
        clip_on_cpu(*args, step_kernels_of(target));
        return STEEPEST_OK;
    });
}
