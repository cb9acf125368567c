// What the C entries of calls on the CPU have in common.
#pragma once

#include "core/arena.h"
#include "core/cpu.h"
#include "core/fence.h"
#include "core/parallel.h"
#include "steepest/steepest.h"

namespace steepest::curvature {

template <class Args>
using Check = steepest_status (*)(const Args& args);

// The workspace that lay_out wants for these arguments.
template <class Call, class Args>
steepest_status measure_workspace(const Args* args, size_t* size, Check<Args> check) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        Arena arena(nullptr, 0);
        Call call;
        lay_out(*args, arena, call);
        *size = arena.used();
        return STEEPEST_OK;
    });
}

// Checks everything, lays the call out in the workspace, and then runs body(call, target).
template <class Call, class Args, class F>
steepest_status run_on_cpu(Args* args, Check<Args> check, F&& body) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args)) return status;
        cpu::Target target;
        if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
        if (reinterpret_cast<uintptr_t>(args->workspace) % Arena::kAlignment)
            return STEEPEST_INVALID_ARGUMENT;
        Arena arena(args->workspace, args->workspace_size);
        Call call;
        lay_out(*args, arena, call);
        if (!arena.fits()) return STEEPEST_WORKSPACE_TOO_SMALL;
        body(call, target);
        return STEEPEST_OK;
    });
}

}  // namespace steepest::curvature
