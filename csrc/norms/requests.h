// The arguments of the C entries, as the rest of the family has them.
#pragma once

#include <algorithm>

#include "norms/interval.h"

namespace steepest::norms {

template <class Args>
const steepest_matrix& matrix_at(const Args& a, int64_t i) {
    return *reinterpret_cast<const steepest_matrix*>(reinterpret_cast<const char*>(a.matrices) +
                                                     static_cast<size_t>(i) * a.matrix_size);
}

inline Precision precision_of(const steepest_spectral_norm_args& a) {
    return a.method == STEEPEST_SPECTRAL_ESTIMATE ? Precision::f32 : Precision::f64;
}

inline Pair pair_of(const steepest_spectral_norm_args& a, int64_t i) {
    if (!a.left || !a.right || !a.left[i] || !a.right[i]) return {};
    const steepest_matrix& m = matrix_at(a, i);
    return m.rows <= m.cols ? Pair{a.left[i], a.right[i]} : Pair{a.right[i], a.left[i]};
}

inline Request request_of(const steepest_spectral_norm_args& a, bool wants_pair) {
    const bool may_stop = a.iterations < 0 && !wants_pair;
    return {static_cast<steepest_spectral_method>(a.method), a.iterations, a.tol,
            may_stop ? a.enough : 0};
}

inline void put(const steepest_spectral_norm_args& a, int64_t i, const Interval& found) {
    a.lower[i] = found.lower;
    a.upper[i] = found.upper;
    if (a.iterations_done) a.iterations_done[i] = found.iterations;
}

// What a matrix of no elements gets.
inline void clear(const steepest_spectral_norm_args& a) {
    for (int64_t i = 0; i < a.count; ++i) {
        put(a, i, {0, 0, 0});
        if (!a.left || !a.right || !a.left[i] || !a.right[i]) continue;
        const steepest_matrix& m = matrix_at(a, i);
        std::fill_n(a.left[i], m.rows, 0.0);
        std::fill_n(a.right[i], m.cols, 0.0);
    }
}
inline void clear(const steepest_spectral_gradient_args& a) { std::fill_n(a.values, a.count, 0.0); }

}  // namespace steepest::norms
