// The C entries of rank-one updates.
#include "core/cpu.h"
#include "core/fence.h"
#include "core/parallel.h"
#include "curvature/rank_one.h"
#include "curvature/targets.h"

using namespace steepest;
using namespace steepest::curvature;

steepest_status steepest_mkor_workspace(const steepest_mkor_args* args, size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        Arena arena(nullptr, 0);
        RankOneCall call;
        lay_out(*args, arena, call);
        *size = arena.used();
        return STEEPEST_OK;
    });
}

steepest_status steepest_mkor_update(steepest_mkor_args* args) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args)) return status;
        cpu::Target target;
        if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
        if (reinterpret_cast<uintptr_t>(args->workspace) % Arena::kAlignment)
            return STEEPEST_INVALID_ARGUMENT;
        Arena arena(args->workspace, args->workspace_size);
        RankOneCall call;
        lay_out(*args, arena, call);
        if (!arena.fits()) return STEEPEST_WORKSPACE_TOO_SMALL;
        update_inverse(call, rank_one_kernels_of(target), *args);
        return STEEPEST_OK;
    });
}
