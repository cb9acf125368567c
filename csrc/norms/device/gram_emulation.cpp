#include "norms/device/gram_emulation.h"

#include "norms/device/gram_kernels.h"
#include "steps/device/emulate.h"

namespace steepest::device {
namespace {

struct Emulated {
    template <class Kernel>
    static void run(const GramPass& pass, int64_t blocks, void* stream) {
        emulate<Kernel>(pass, blocks, stream);
    }
};

}  // namespace

const GramRuns& emulated_gram_runs() { return gram_runs_of<Emulated>(); }

}  // namespace steepest::device
