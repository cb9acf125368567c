// The CPU targets of this family: a new one is a file in targets/ and a line in each function here.
#include "curvature/targets.h"

namespace steepest {

namespace baseline {
namespace probes {
const curvature::ProbeKernels& probe_kernels();
}
namespace rank_one {
const curvature::RankOneKernels& rank_one_kernels();
}
}  // namespace baseline
#if STEEPEST_HIGHEST_TARGET >= 1
namespace avx2 {
namespace probes {
const curvature::ProbeKernels& probe_kernels();
}
namespace rank_one {
const curvature::RankOneKernels& rank_one_kernels();
}
}  // namespace avx2
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
namespace avx512 {
namespace probes {
const curvature::ProbeKernels& probe_kernels();
}
namespace rank_one {
const curvature::RankOneKernels& rank_one_kernels();
}
}  // namespace avx512
#endif

// The dot product of avx512bf16 is of no use here: that target takes the kernels of avx512.
const curvature::ProbeKernels& curvature::probe_kernels_of([[maybe_unused]] cpu::Target target) {
#if STEEPEST_HIGHEST_TARGET >= 1
    if (target == cpu::Target::avx2) return avx2::probes::probe_kernels();
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
    if (target == cpu::Target::avx512 || target == cpu::Target::avx512bf16)
        return avx512::probes::probe_kernels();
#endif
    return baseline::probes::probe_kernels();
}

const curvature::RankOneKernels& curvature::rank_one_kernels_of(
    [[maybe_unused]] cpu::Target target) {
#if STEEPEST_HIGHEST_TARGET >= 1
    if (target == cpu::Target::avx2) return avx2::rank_one::rank_one_kernels();
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
    if (target == cpu::Target::avx512 || target == cpu::Target::avx512bf16)
        return avx512::rank_one::rank_one_kernels();
#endif
    return baseline::rank_one::rank_one_kernels();
}

}  // namespace steepest
