// The CPU targets of the products: a new one is a file in targets/ and a line here.
#include "polar/targets.h"

namespace steepest {

namespace baseline::products {
const polar::ProductKernels& product_kernels();
}
#if STEEPEST_HIGHEST_TARGET >= 1
namespace avx2::products {
const polar::ProductKernels& product_kernels();
}
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
namespace avx512::products {
const polar::ProductKernels& product_kernels();
}
#endif
#if STEEPEST_HIGHEST_TARGET >= 3
namespace avx512bf16::products {
const polar::ProductKernels& product_kernels();
}
#endif

const polar::ProductKernels& polar::product_kernels_of([[maybe_unused]] cpu::Target target) {
#if STEEPEST_HIGHEST_TARGET >= 1
    if (target == cpu::Target::avx2) return avx2::products::product_kernels();
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
    if (target == cpu::Target::avx512) return avx512::products::product_kernels();
#endif
#if STEEPEST_HIGHEST_TARGET >= 3
    if (target == cpu::Target::avx512bf16) return avx512bf16::products::product_kernels();
#endif
    return baseline::products::product_kernels();
}

}  // namespace steepest
