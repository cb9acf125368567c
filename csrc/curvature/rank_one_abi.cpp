// The C entries of rank-one updates.
#include "core/stream.h"
#include "curvature/device/rank_one_driver.h"
#include "curvature/entry.h"
#include "curvature/rank_one.h"
#include "curvature/targets.h"

using namespace steepest;
using namespace steepest::curvature;

namespace {

steepest_status on_device(const steepest_mkor_args& args) {
    FloatingPointGuard guard;
    if (const auto status = check(args)) return status;
    if (!args.results_at || reinterpret_cast<uintptr_t>(args.results_at) % sizeof(double) ||
        reinterpret_cast<uintptr_t>(args.workspace) % Arena::kAlignment)
        return STEEPEST_INVALID_ARGUMENT;
    return on_stream(args.device, args.stream,
                     [&](device::Backend& backend) { return device::mkor_update(args, backend); });
}

}  // namespace

steepest_status steepest_mkor_workspace(const steepest_mkor_args* args, size_t* size) {
    if (!args || !size || !args->stream) return measure_workspace<RankOneCall>(args, size, check);
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        return device::mkor_size(*args, size);
    });
}

steepest_status steepest_mkor_update(steepest_mkor_args* args) {
    if (args && args->stream) return fenced([&] { return on_device(*args); });
    return run_on_cpu<RankOneCall>(args, check, [&](const RankOneCall& call, cpu::Target target) {
        update_inverse(call, rank_one_kernels_of(target), *args);
    });
}
