// The CPU targets of the steps: a new one is a file in targets/ and a line here.
#include "steps/driver.h"

namespace steepest {

namespace baseline {
const StepKernels& step_kernels();
}
#if STEEPEST_HIGHEST_TARGET >= 1
namespace avx2 {
const StepKernels& step_kernels();
}
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
namespace avx512 {
const StepKernels& step_kernels();
}
#endif

const StepKernels& step_kernels_of([[maybe_unused]] cpu::Target target) {
#if STEEPEST_HIGHEST_TARGET >= 1
    if (target == cpu::Target::avx2) return avx2::step_kernels();
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
    // The dot product of avx512bf16 is of no use to a step.
    if (target == cpu::Target::avx512 || target == cpu::Target::avx512bf16)
        return avx512::step_kernels();
#endif
    return baseline::step_kernels();
}

}  // namespace steepest
