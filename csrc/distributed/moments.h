// Sums over the gradients of several samples: squared deviations from their mean, and products with
// it.
#pragma once

#include "core/reduce.h"
#include "core/target.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace distributed_kernels {

template <class T>
void add_values(const void* values, int64_t n, double* __restrict sum) {
    const T* __restrict x = static_cast<const T*>(values);
    for (int64_t i = 0; i < n; ++i) sum[i] += static_cast<double>(x[i]);
}

inline void divide_values(double* __restrict sum, int64_t n, double by) {
    for (int64_t i = 0; i < n; ++i) sum[i] = sum[i] / by;
}

// At most kLanes elements; the lanes of the deviations come first.
template <class T>
STEEPEST_INLINE void moment_row(const T* __restrict x, const double* __restrict mean, int n,
                                double* __restrict deviation, double* __restrict product) {
    for (int l = 0; l < n; ++l) {
        const double value = static_cast<double>(x[l]);
        const double away = value - mean[l];
        deviation[l] += away * away;
        product[l] += value * mean[l];
    }
}

// n is a multiple of kLanes except at the end of a block.
template <class T>
void add_moments(const void* values, const double* mean, int64_t n, double* lanes) {
    const T* x = static_cast<const T*>(values);
    for (int64_t i = 0; i < n; i += kLanes)
        moment_row(x + i, mean + i, static_cast<int>(n - i < kLanes ? n - i : kLanes), lanes,
                   lanes + kLanes);
}

}  // namespace distributed_kernels
}  // namespace STEEPEST_TARGET
}  // namespace steepest
