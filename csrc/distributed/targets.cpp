// The CPU targets of the messages: a new one is a file in targets/ and a line here.
#include "distributed/targets.h"

namespace steepest {

namespace baseline::distributed_kernels {
const distributed::DistributedKernels& table();
}
#if STEEPEST_HIGHEST_TARGET >= 1
namespace avx2::distributed_kernels {
const distributed::DistributedKernels& table();
}
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
namespace avx512::distributed_kernels {
const distributed::DistributedKernels& table();
}
#endif

const distributed::DistributedKernels& distributed::kernels_of(
    [[maybe_unused]] cpu::Target target) {
#if STEEPEST_HIGHEST_TARGET >= 1
    if (target == cpu::Target::avx2) return avx2::distributed_kernels::table();
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
    // The dot product of avx512bf16 is of no use here.
    if (target == cpu::Target::avx512 || target == cpu::Target::avx512bf16)
        return avx512::distributed_kernels::table();
#endif
    return baseline::distributed_kernels::table();
}

}  // namespace steepest
