// The C entries of the probes.
#include "core/cpu.h"
#include "core/fence.h"
#include "core/parallel.h"
#include "core/stream.h"
#include "curvature/call.h"
#include "curvature/device/driver.h"
#include "curvature/targets.h"

namespace {

using namespace steepest;
using namespace steepest::curvature;

size_t workspace_of(const steepest_probe_args& args) {
    Arena arena(nullptr, 0);
    Call call;
    lay_out(args, arena, call);
    return arena.used();
}

// Runs body(call, kernels) on the CPU.
template <class F>
steepest_status on_cpu(const steepest_probe_args& args, F&& body) {
    cpu::Target target;
    if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
    Arena arena(args.workspace, args.workspace_size);
    Call call;
    lay_out(args, arena, call);
    if (!arena.fits()) return STEEPEST_WORKSPACE_TOO_SMALL;
    body(call, probe_kernels_of(target));
    return STEEPEST_OK;
}

using DeviceCall = steepest_status (*)(const steepest_probe_args& args, device::Backend& backend);

// Checks everything and then runs body(call, kernels) on the CPU, or `call` on a device.
template <class F>
steepest_status run(const steepest_probe_args* args, bool accumulates, DeviceCall call, F&& body) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args, accumulates)) return status;
        if (reinterpret_cast<uintptr_t>(args->workspace) % Arena::kAlignment)
            return STEEPEST_INVALID_ARGUMENT;
        if (!args->stream) return on_cpu(*args, body);
        return on_stream(args->device, args->stream,
                         [&](device::Backend& backend) { return call(*args, backend); });
    });
}

}  // namespace

steepest_status steepest_probe_workspace(const steepest_probe_args* args, size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args, false)) return status;
        if (args->stream)
            return on_stream(args->device, args->stream,
                             [&](device::Backend&) { return device::probe_size(*args, size); });
        *size = workspace_of(*args);
        return STEEPEST_OK;
    });
}

steepest_status steepest_probe_fill(const steepest_probe_args* args) {
    return run(args, false, device::probe_fill,
               [](const Call& call, const ProbeKernels& kernels) { fill(call, kernels); });
}

steepest_status steepest_probe_accumulate(steepest_probe_args* args) {
    return run(args, true, device::probe_accumulate,
               [args](const Call& call, const ProbeKernels& kernels) {
                   args->total = accumulate(call, kernels, args->sums);
               });
}
