// The C entries of rank-one updates.
#include "curvature/entry.h"
#include "curvature/rank_one.h"
#include "curvature/targets.h"

using namespace steepest;
using namespace steepest::curvature;

steepest_status steepest_mkor_workspace(const steepest_mkor_args* args, size_t* size) {
    return measure_workspace<RankOneCall>(args, size, check);
}

steepest_status steepest_mkor_update(steepest_mkor_args* args) {
    return run_on_cpu<RankOneCall>(args, check, [&](const RankOneCall& call, cpu::Target target) {
        update_inverse(call, rank_one_kernels_of(target), *args);
    });
}
