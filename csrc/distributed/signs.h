// A worker's half of Distributed Lion: the signs of the directions as bits, and the new momentum,
// in one pass.
#pragma once

#include "distributed/kernel_table.h"
#include "distributed/test_bits.h"
#include "steps/rules/lion.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace distributed_kernels {

// At most 64 directions, those behind them zero.
template <bool kStaged, class T>
STEEPEST_INLINE void interpolate(const distributed::SignSetting<T>& s, const T* __restrict grad,
                                 int n, T* __restrict momentum, T* __restrict direction) {
    for (int l = 0; l < n; ++l) {
        const T g = kStaged ? staged_gradient(s.stage, grad[l], T(0)) : grad[l];
        const T m = momentum[l];
        direction[l] = LionCore<T>::interpolation(s, g, m);
        momentum[l] = LionCore<T>::momentum(s, g, m);
    }
    for (int l = n; l < 64; ++l) direction[l] = 0;
}

// Bits behind the n first ones stay zero, whatever sign a zero is given.
STEEPEST_INLINE uint64_t first_bits(int64_t n) {
    return n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
}

template <class T>
STEEPEST_INLINE int64_t write_bits(const T* direction, int bits, uint64_t there, int word,
                                   distributed::SignWords& to) {
    const uint64_t nan = test_bits<Test::nan>(direction);
    if (bits == 1) {
        to.plane[0][word] = test_bits<Test::at_least>(direction) & there;
    } else {
        to.plane[0][word] = test_bits<Test::above>(direction) | nan;
        to.plane[1][word] = test_bits<Test::below>(direction) | nan;
    }
    return __builtin_popcountll(nan);
}

template <bool kStaged, class T>
int64_t write_signs(const distributed::SignSetting<T>& s, int bits, const T* g, T* m, int64_t n,
                    distributed::SignWords& to) {
    alignas(64) T direction[64];
    int64_t nans = 0;
    for (int64_t i = 0; i < n; i += 64) {
        const int word = static_cast<int>(i / 64);
        if (n - i >= 64)  // a count that the compiler knows
            interpolate<kStaged, T>(s, g + i, 64, m + i, direction);
        else
            interpolate<kStaged, T>(s, g + i, static_cast<int>(n - i), m + i, direction);
        nans += write_bits(direction, bits, first_bits(n - i), word, to);
    }
    return nans;
}

template <class T>
int64_t signs(const void* setting, int bits, const void* g, void* m, int64_t n,
              distributed::SignWords& to) {
    const auto& s = *static_cast<const distributed::SignSetting<T>*>(setting);
    auto* grad = static_cast<const T*>(g);
    auto* momentum = static_cast<T*>(m);
    return s.staged ? write_signs<true>(s, bits, grad, momentum, n, to)
                    : write_signs<false>(s, bits, grad, momentum, n, to);
}

}  // namespace distributed_kernels
}  // namespace STEEPEST_TARGET
}  // namespace steepest
