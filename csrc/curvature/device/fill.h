// Writes a block of a probe.
#pragma once

#include <type_traits>

#include "curvature/device/draws.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class T, Distribution kDistribution>
struct FillBlock {
    static constexpr int kGroup = kGroupOf<T>;
    static constexpr int kRow = kWarp * kGroup;
    // Writes need not wait for each other; two rows of signs share the work of finding their words.
    static constexpr int kRows = kDistribution == Distribution::rademacher ? 2 : 1;

    STEEPEST_HD static STEEPEST_INLINE void run(const ProbeBlock& b) {
        const auto draws = b.draws<T, kDistribution>();
        const Sink to{b.values(), 0, {}, b.tensor.dtype, true, false};
        each_row<T, kRows>(b, [&](auto wide, int32_t at) {
            STEEPEST_UNROLL
            for (int u = 0; u < kRows; ++u) {
                const int32_t i = at + u * kRow;
                if (!wide && i >= b.size) continue;
                T z[kGroup] = {};
                draws.group(i, z);
                put<decltype(wide)::value>(to, z, i, b.size);
            }
        });
    }

  private:
    template <bool kWide>
    STEEPEST_HD static STEEPEST_INLINE void put(const Sink& to, const T (&z)[kGroup], int32_t i,
                                                int32_t size) {
        if constexpr (kWide) {
            store_group(to, z, i);
        } else {
            STEEPEST_UNROLL
            for (int k = 0; k < kGroup; ++k)
                if (i + k < size) store_one(to, z[k], i + k);
        }
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
