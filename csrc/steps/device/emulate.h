// Kernels in phases on the host: phase after phase, one thread after the other.
#pragma once

#include <cstring>
#include <utility>

#include "steps/device/phases.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class Kernel, int kPhase>
void emulate_phase(const typename Kernel::Pass& pass, int32_t block,
                   typename Kernel::Shared& shared) {
    for (int32_t i = 0; i < kThreads; ++i)
        Kernel::template run<kPhase>(pass, Thread{block, i}, shared);
}

template <class Kernel, int... kPhase>
void emulate_block(const typename Kernel::Pass& pass, int32_t block,
                   typename Kernel::Shared& shared, std::integer_sequence<int, kPhase...>) {
    (emulate_phase<Kernel, kPhase>(pass, block, shared), ...);
}

// Shared memory holds NaN at first, which shows in the result where a phase reads what none wrote.
template <class Kernel>
void emulate(const typename Kernel::Pass& pass, int64_t blocks, void*) {
    typename Kernel::Shared shared;
    for (int32_t b = 0; b < blocks; ++b) {
        std::memset(static_cast<void*>(&shared), 0xFF, sizeof shared);
        emulate_block<Kernel>(pass, b, shared, std::make_integer_sequence<int, Kernel::kPhases>{});
    }
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
