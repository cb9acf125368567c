#include "curvature/device/oasis_emulation.h"

#include "curvature/device/oasis_runs.h"
#include "steps/device/emulate.h"

namespace steepest::device {
namespace {

struct Emulated {
    template <class Kernel>
    static void run(const OasisPass& pass, int64_t blocks, void* stream) {
        emulate<Kernel>(pass, blocks, stream);
    }
};

}  // namespace

const OasisRuns& emulated_oasis_runs() { return oasis_runs_of<Emulated>(); }

}  // namespace steepest::device
