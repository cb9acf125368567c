// The CPU targets of the norm report: a new one is a file in targets/ and a line here.
#include "norms/targets.h"

namespace steepest {

namespace baseline::reports {
const norms::ReportKernels& report_kernels();
}
#if defined(STEEPEST_X86_TARGETS)
namespace avx2::reports {
const norms::ReportKernels& report_kernels();
}
namespace avx512::reports {
const norms::ReportKernels& report_kernels();
}
#endif

const norms::ReportKernels& norms::report_kernels_of([[maybe_unused]] cpu::Target target) {
#if defined(STEEPEST_X86_TARGETS)
    if (target == cpu::Target::avx2) return avx2::reports::report_kernels();
    // The dot product of avx512bf16 is of no use to sums in double.
    if (target == cpu::Target::avx512 || target == cpu::Target::avx512bf16)
        return avx512::reports::report_kernels();
#endif
    return baseline::reports::report_kernels();
}

}  // namespace steepest
