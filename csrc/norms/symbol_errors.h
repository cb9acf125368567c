// How far the float arithmetic of symbol_kernels.h may be off, for blocks of n rows and m columns.
//
// Products of complex numbers: the real part of sum a conj(b), and the imaginary one, are sums of
// twice as many real products, whose magnitudes add up to at most sum |a| |b|. Hence an element is
// off by at most sqrt(2) gamma_d sum |a| |b|, where no product takes part in more than d roundings
// (Higham, Accuracy and Stability of Numerical Algorithms, sections 3.1 and 3.6), and
//
//   * the factor L of M = mu I - G, if no pivot fails, is one of M + E with |E_ij| <= sqrt(2)
//     gamma_d sum_k |L_ik| |L_jk| (section 10.1.1 has the real case; dividing by what M_ij itself
//     went through doubles some roundings), and on the diagonal gamma_d mu more, since mu comes in
//     last. As ||L||_F^2 is tr M but for errors of the same kind, ||E|| is small against tr M, and
//     no eigenvalue of G is above mu + ||E|| (Rump 2006).
//
// The Gram matrix takes three real products for each complex one. The magnitudes of those of the
// imaginary part, (|re a| + |im a|) (|re b| + |im b|) + |re a| |re b| + |im a| |im b|, are with the
// angles s and t of (|re a|, |im a|) and (|re b|, |im b|) at most |a| |b| (2 cos(s - t) + sin(s +
// t)), so at most 3 |a| |b|. An element is off by at most sqrt(1 + 9) gamma_d sum |a| |b| and
//
//   * the Gram matrix by sqrt(10) gamma_d ||B||_F^2, in the Frobenius norm. In turn only half as
//   many
//     products, the columns' number, are in one sum, and with the sums s and d before it and the
//     two after it d is that of a run and four more.
#pragma once

#include "norms/levels.h"
#include "norms/symbol_table.h"

namespace steepest::norms {

// No mu is above this, so that no element of the factor's diagonal is above 2^30.
inline constexpr double kMostPivot = 0x1p60;
// What underflows in a product or a sum, many times over: at most 2^-149, and 2^30 times that in an
// element of the factor, whose error is multiplied by the element of the diagonal it was divided
// by.
inline constexpr double kTinyOfSymbol = 0x1p-110;
inline constexpr double kRootOfTwo = 0x1.6a09e667f3bcdp+0;  // rounded up, as the next
inline constexpr double kRootOfTen = 0x1.94c583ada5b54p+1;

inline double runs_of(int64_t columns) { return static_cast<double>((columns + kRun - 1) / kRun); }

// Bound of ||computed B B^H - B B^H||, given the trace of the computed one.
inline Up error_of_gram(int64_t n, int64_t m, double trace) {
    const Up relative = gamma(kRun + 4.0 + runs_of(m) + 1, unit_of(Precision::f32));
    if (!(relative.value < 0.25)) return {std::numeric_limits<double>::infinity()};
    const double size = static_cast<double>(n) * static_cast<double>(n + m);
    const Up squares = (SumBounds(trace, static_cast<double>(n)).up + Up{size * kTinyOfSymbol}) /
                       (Down{1} - relative);
    return Up{kRootOfTen} * relative * squares + Up{size * kTinyOfSymbol};
}

// Bound of ||E|| for a float mu, and the trace of G as before. Infinite where that is no bound.
inline Up error_of_factor(int64_t n, double mu, double trace) {
    const double roundings = 2.0 * kRun + 3 * (runs_of(n) + 2) + 6;
    const Up relative = gamma(roundings, unit_of(Precision::f32));
    if (!(relative.value < 0.25)) return {std::numeric_limits<double>::infinity()};
    const double rows = static_cast<double>(n);
    const Up of_m = Up{rows} * Up{mu} - SumBounds(trace, rows).down;
    const Up squares = (of_m + Up{rows} * relative * Up{mu}) / (Down{1} - relative);
    return Up{kRootOfTwo} * relative * squares + Up{2} * relative * Up{mu} +
           Up{rows * rows * kTinyOfSymbol};
}

}  // namespace steepest::norms
