// The CPU targets of this family: a new one is a file in targets/ and a line in each function here.
#include "norms/targets.h"

namespace steepest {

namespace baseline {
namespace reports {
const norms::ReportKernels& report_kernels();
}
namespace symbols {
const norms::SymbolKernels& symbol_kernels();
}
namespace direct {
const norms::DirectKernels& direct_kernels();
}
}  // namespace baseline
#if STEEPEST_HIGHEST_TARGET >= 1
namespace avx2 {
namespace reports {
const norms::ReportKernels& report_kernels();
}
namespace symbols {
const norms::SymbolKernels& symbol_kernels();
}
namespace direct {
const norms::DirectKernels& direct_kernels();
}
}  // namespace avx2
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
namespace avx512 {
namespace reports {
const norms::ReportKernels& report_kernels();
}
namespace symbols {
const norms::SymbolKernels& symbol_kernels();
}
namespace direct {
const norms::DirectKernels& direct_kernels();
}
}  // namespace avx512
#endif

// The dot product of avx512bf16 is of no use here: that target takes the kernels of avx512.
const norms::ReportKernels& norms::report_kernels_of([[maybe_unused]] cpu::Target target) {
#if STEEPEST_HIGHEST_TARGET >= 1
    if (target == cpu::Target::avx2) return avx2::reports::report_kernels();
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
    if (target == cpu::Target::avx512 || target == cpu::Target::avx512bf16)
        return avx512::reports::report_kernels();
#endif
    return baseline::reports::report_kernels();
}

const norms::SymbolKernels& norms::symbol_kernels_of([[maybe_unused]] cpu::Target target) {
#if STEEPEST_HIGHEST_TARGET >= 1
    if (target == cpu::Target::avx2) return avx2::symbols::symbol_kernels();
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
    if (target == cpu::Target::avx512 || target == cpu::Target::avx512bf16)
        return avx512::symbols::symbol_kernels();
#endif
    return baseline::symbols::symbol_kernels();
}

const norms::DirectKernels& norms::direct_kernels_of([[maybe_unused]] cpu::Target target) {
#if STEEPEST_HIGHEST_TARGET >= 1
    if (target == cpu::Target::avx2) return avx2::direct::direct_kernels();
#endif
#if STEEPEST_HIGHEST_TARGET >= 2
    if (target == cpu::Target::avx512 || target == cpu::Target::avx512bf16)
        return avx512::direct::direct_kernels();
#endif
    return baseline::direct::direct_kernels();
}

}  // namespace steepest
