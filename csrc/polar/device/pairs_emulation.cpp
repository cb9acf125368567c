#include "polar/device/pairs_emulation.h"

#include "polar/device/pairs_runs.h"
#include "steps/device/emulate.h"

namespace steepest::device {
namespace {

struct Emulated {
    template <class Kernel>
    static void run(const PairPass& pass, int64_t blocks, void* stream) {
        emulate<Kernel>(pass, blocks, stream);
    }
};

}  // namespace

const PairRuns& emulated_pair_runs() { return pair_runs_of<Emulated>(); }

}  // namespace steepest::device
