// The last stage of Distributed Lion: from planes of bits to the step.
#pragma once

#include "curvature/signs.h"
#include "distributed/kernel_table.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace distributed_kernels {

// The numbers whose binary digits are in the planes, of elements [64 word, 64 word + 64).
STEEPEST_INLINE void gather_codes(const distributed::VoteWords& words, int planes, int word,
                                  int32_t* __restrict code) {
    for (int l = 0; l < 64; ++l) code[l] = 0;
    for (int k = 0; k < planes; ++k) {
        const uint64_t bits = words.plane[k][word];
        const uint32_t half[2] = {static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32)};
        for (int h = 0; h < 2; ++h)
            for (int l = 0; l < 32; ++l)
                code[32 * h + l] |= half[h] & probes::kBitTable<uint32_t>.bit[l] ? 1 << k : 0;
    }
}

// Directions in T. The numerator is exact, and so the mean is the nearest T to the true one.
template <class T>
STEEPEST_INLINE void decode(const distributed::Coding& c, const int32_t* __restrict code,
                            T* __restrict direction) {
    const T nan = static_cast<T>(__builtin_nan(""));
    const T workers = static_cast<T>(c.workers);
    const int32_t all_digits = (1 << c.planes()) - 1;
    switch (c.form) {
        case distributed::Form::signs:
            for (int l = 0; l < 64; ++l) direction[l] = static_cast<T>(2 * code[l] - 1);
            break;
        case distributed::Form::ternary:
            for (int l = 0; l < 64; ++l) {
                const T sign = static_cast<T>((code[l] & 1) - (code[l] >> 1));
                direction[l] = code[l] == 3 ? nan : sign;
            }
            break;
        case distributed::Form::sum_of_signs:
            for (int l = 0; l < 64; ++l)
                direction[l] = static_cast<T>(2 * code[l] - c.workers) / workers;
            break;
        case distributed::Form::sum_of_ternary:
            for (int l = 0; l < 64; ++l) {
                const T mean = static_cast<T>(code[l] - c.workers) / workers;
                direction[l] = code[l] == all_digits ? nan : mean;
            }
            break;
    }
}

template <class T>
STEEPEST_INLINE void descend(const distributed::ApplySetting<T>& s, const T* __restrict direction,
                             int n, T* __restrict p) {
    for (int l = 0; l < n; ++l) {
        T x = p[l];
        x = x * s.keep;
        p[l] = x - s.lr * direction[l];
    }
}

template <class T>
void apply_votes(const void* setting, const distributed::Coding& coding,
                 const distributed::VoteWords& words, void* param, int64_t n) {
    const auto& s = *static_cast<const distributed::ApplySetting<T>*>(setting);
    T* p = static_cast<T*>(param);
    alignas(64) int32_t code[64];
    alignas(64) T direction[64];
    for (int64_t i = 0; i < n; i += 64) {
        gather_codes(words, coding.planes(), static_cast<int>(i / 64), code);
        decode(coding, code, direction);
        if (n - i >= 64)  // a count that the compiler knows
            descend(s, direction, 64, p + i);
        else
            descend(s, direction, static_cast<int>(n - i), p + i);
    }
}

}  // namespace distributed_kernels
}  // namespace STEEPEST_TARGET
}  // namespace steepest
