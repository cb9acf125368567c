// The C entries of the probes.
#include "core/cpu.h"
#include "core/fence.h"
#include "core/parallel.h"
#include "curvature/call.h"
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

// Checks everything and then runs body(call, kernels).
template <class F>
steepest_status run(const steepest_probe_args* args, bool accumulates, F&& body) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args, accumulates)) return status;
        cpu::Target target;
        if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
        if (reinterpret_cast<uintptr_t>(args->workspace) % Arena::kAlignment)
            return STEEPEST_INVALID_ARGUMENT;
        Arena arena(args->workspace, args->workspace_size);
        Call call;
        lay_out(*args, arena, call);
        if (arena.used() > args->workspace_size) return STEEPEST_WORKSPACE_TOO_SMALL;
        body(call, probe_kernels_of(target));
        return STEEPEST_OK;
    });
}

}  // namespace

steepest_status steepest_probe_workspace(const steepest_probe_args* args, size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args, false)) return status;
        *size = workspace_of(*args);
        return STEEPEST_OK;
    });
}

steepest_status steepest_probe_fill(const steepest_probe_args* args) {
    return run(args, false,
               [](const Call& call, const ProbeKernels& kernels) { fill(call, kernels); });
}

steepest_status steepest_probe_accumulate(steepest_probe_args* args) {
    return run(args, true, [args](const Call& call, const ProbeKernels& kernels) {
        args->total = accumulate(call, kernels, args->sums);
    });
}
