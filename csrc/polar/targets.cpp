// The CPU targets of the products: a new one is a file in targets/ and a line here.
#include "polar/targets.h"

namespace steepest {

namespace baseline::products {
const polar::ProductKernels& product_kernels();
}
#if defined(STEEPEST_X86_TARGETS)
namespace avx2::products {
const polar::ProductKernels& product_kernels();
}
namespace avx512::products {
const polar::ProductKernels& product_kernels();
}
namespace avx512bf16::products {
const polar::ProductKernels& product_kernels();
}
#endif

const polar::ProductKernels& polar::product_kernels_of([[maybe_unused]] cpu::Target target) {
#if defined(STEEPEST_X86_TARGETS)
    if (target == cpu::Target::avx2) return avx2::products::product_kernels();
    if (target == cpu::Target::avx512) return avx512::products::product_kernels();
    if (target == cpu::Target::avx512bf16) return avx512bf16::products::product_kernels();
#endif
    return baseline::products::product_kernels();
}

}  // namespace steepest
