// The CPU targets of the probes: a new one is a file in targets/ and a line here.
#include "curvature/targets.h"

namespace steepest {

namespace baseline::probes {
const curvature::ProbeKernels& probe_kernels();
}
#if defined(STEEPEST_X86_TARGETS)
namespace avx2::probes {
const curvature::ProbeKernels& probe_kernels();
}
namespace avx512::probes {
const curvature::ProbeKernels& probe_kernels();
}
#endif

const curvature::ProbeKernels& curvature::probe_kernels_of([[maybe_unused]] cpu::Target target) {
#if defined(STEEPEST_X86_TARGETS)
    if (target == cpu::Target::avx2) return avx2::probes::probe_kernels();
    // The dot product of avx512bf16 is of no use to a probe.
    if (target == cpu::Target::avx512 || target == cpu::Target::avx512bf16)
        return avx512::probes::probe_kernels();
#endif
    return baseline::probes::probe_kernels();
}

}  // namespace steepest
