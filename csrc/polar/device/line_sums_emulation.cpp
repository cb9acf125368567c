#include "polar/device/line_sums_emulation.h"

#include "polar/device/line_sums_runs.h"
#include "steps/device/emulate.h"

namespace steepest::device {
namespace {

struct Emulated {
    template <class Kernel>
    static void run(const typename Kernel::Pass& pass, int64_t blocks, void* stream) {
        emulate<Kernel>(pass, blocks, stream);
    }
};

}  // namespace

const LineSumsRuns& emulated_line_sums_runs() { return line_sums_runs_of<Emulated>(); }

}  // namespace steepest::device
