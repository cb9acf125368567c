// The loops of direct_table.h. Included once by each file in targets/, which sets the target and
// its flags.
#pragma once

#include "norms/direct_table.h"
#include "polar/vectors.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace direct {

using products::broadcast;
using products::load;
using products::load_some;
using products::multiply_add;
using products::store;
using products::store_some;

using V = products::Vector<float>;
inline constexpr int kLanes = products::kLanesOf<float>;
// Rows that are taken together: v and the image are then loaded once for all.
inline constexpr int kTogether = 4;

// Two sums side by side for each row, so that no addition waits for the one just before.
template <int Rows>
STEEPEST_INLINE void multiply(const float* x, int64_t ld, int64_t n, const float* v, V* product) {
    V sum[Rows] = {}, second[Rows] = {};
    int64_t j = 0;
    for (; j + 2 * kLanes <= n; j += 2 * kLanes) {
        const V a = load(v + j), b = load(v + j + kLanes);
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) {
            sum[r] = multiply_add(load(x + r * ld + j), a, sum[r]);
            second[r] = multiply_add(load(x + r * ld + j + kLanes), b, second[r]);
        }
    }
    for (; j < n; j += kLanes) {
        const V a = load_some(v + j, n - j);
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r)
            sum[r] = multiply_add(load_some(x + r * ld + j, n - j), a, sum[r]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
        const V both = sum[r] + second[r];
        float total = 0;
        for (int l = 0; l < kLanes; ++l) total += both[l];
        product[r] = broadcast(total);
    }
}

template <int Rows>
STEEPEST_INLINE void add_multiples(const float* x, int64_t ld, int64_t n, const V* factor,
                                   float* image) {
    int64_t j = 0;
    for (; j + kLanes <= n; j += kLanes) {
        V y = load(image + j);
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) y = multiply_add(load(x + r * ld + j), factor[r], y);
        store(image + j, y);
    }
    if (j == n) return;
    V y = load_some(image + j, n - j);
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) y = multiply_add(load_some(x + r * ld + j, n - j), factor[r], y);
    store_some(image + j, y, n - j);
}

template <int Rows>
void add_rows(const float* x, int64_t ld, int64_t n, const float* v, float* image) {
    V product[Rows];
    multiply<Rows>(x, ld, n, v, product);
    add_multiples<Rows>(x, ld, n, product, image);
}

inline void normal(const norms::FloatRows& x, const float* v, float* image) {
    int64_t i = 0;
    for (; i + kTogether <= x.rows; i += kTogether)
        add_rows<kTogether>(x.data + i * x.ld, x.ld, x.cols, v, image);
    for (; i < x.rows; ++i) add_rows<1>(x.data + i * x.ld, x.ld, x.cols, v, image);
}

const norms::DirectKernels& direct_kernels() {
    static constexpr norms::DirectKernels kernels = {.normal = normal};
    return kernels;
}

}  // namespace direct
}  // namespace STEEPEST_TARGET
}  // namespace steepest
