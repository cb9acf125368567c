#include "curvature/device/rank_one_emulation.h"

#include "curvature/device/rank_one_runs.h"
#include "steps/device/emulate.h"

namespace steepest::device {
namespace {

struct Emulated {
    template <class Kernel>
    static void run(const RankOnePass& pass, int64_t blocks, void* stream) {
        emulate<Kernel>(pass, blocks, stream);
    }
};

}  // namespace

const RankOneRuns& emulated_rank_one_runs() { return rank_one_runs_of<Emulated>(); }

}  // namespace steepest::device
