// Elementary functions from IEEE additions, multiplications and divisions only, so that host,
// device and every compiler give the same bits. libm is never asked: its results differ between
// systems.
#pragma once

#include <cstdint>

#include "core/target.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

// base^n by repeated squaring, n >= 0.
STEEPEST_HD inline double power(double base, int64_t n) {
    double result = 1;
    for (; n > 0; n >>= 1) {
        if (n & 1) result *= base;
        base *= base;
    }
    return result;
}

// Natural logarithm of a positive finite normal x, to about 2 units in the last place:
// x = 2^k m with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)).
STEEPEST_HD inline double log(double x) {
    constexpr double kLn2High = 6.93147180369123816490e-01;  // low 32 bits zero: k * high is exact
    constexpr double kLn2Low = 1.90821492927058770002e-10;
    const uint64_t bits = __builtin_bit_cast(uint64_t, x);
    // The exponent as a double without a conversion, which AVX2 lacks: as the last digits of 2^52.
    const double biased = __builtin_bit_cast(double, (bits >> 52) | 0x4330000000000000ull);
    double m = __builtin_bit_cast(double, (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
    const bool large = m > 1.4142135623730951;
    const double dk = (biased - (0x1p52 + 1023)) + (large ? 1.0 : 0.0);
    m = large ? m * 0.5 : m;
    const double s = (m - 1) / (m + 1);
    const double s2 = s * s;
    double series = 0;  // s^2/3 + s^4/5 + ...; |s| <= 0.172, so 2 s^21/21 is below half an ulp
    for (int odd = 21; odd >= 3; odd -= 2) series = series * s2 + 1.0 / odd;
    return dk * kLn2High + (2 * s + (2 * s * s2 * series + dk * kLn2Low));
}

// e^x to about 2 units in the last place; 0 below and infinity above the range of double.
STEEPEST_HD inline double exp(double x) {
    constexpr double kLn2High = 6.93147180369123816490e-01;
    constexpr double kLn2Low = 1.90821492927058770002e-10;
    if (x != x) return x;
    if (x > 709.7) return __builtin_inf();
    if (x < -708.3) return 0;
    const double scaled = x * 1.4426950408889634;
    const int64_t k = static_cast<int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
    const double dk = static_cast<double>(k);
    const double r = (x - dk * kLn2High) - dk * kLn2Low;
    double sum =
        1;  // Horner form of the Taylor series; |r| <= 0.347, r^14/14! is below half an ulp
    for (int n = 14; n >= 1; --n) sum = 1 + sum * r / n;
    // In two factors, because 2^k alone may leave the range at the ends.
    const int64_t k1 = k / 2;
    const int64_t k2 = k - k1;
    const double f1 = __builtin_bit_cast(double, static_cast<uint64_t>(1023 + k1) << 52);
    const double f2 = __builtin_bit_cast(double, static_cast<uint64_t>(1023 + k2) << 52);
    return sum * f1 * f2;
}

// x^y for positive x. The error of log is multiplied by y, so it suits exponents of a few units.
STEEPEST_HD inline double pow(double x, double y) { return exp(y * log(x)); }

STEEPEST_HD STEEPEST_INLINE float sqrt(float x) { return __builtin_sqrtf(x); }
STEEPEST_HD STEEPEST_INLINE double sqrt(double x) { return __builtin_sqrt(x); }

// Written with comparisons, so that a NaN is never dropped: the sign of NaN is NaN, of zero zero.
template <class T>
STEEPEST_HD STEEPEST_INLINE T sign(T x) {
    return x > 0 ? T(1) : x < 0 ? T(-1) : x;
}

STEEPEST_HD STEEPEST_INLINE float absolute(float x) { return __builtin_fabsf(x); }
STEEPEST_HD STEEPEST_INLINE double absolute(double x) { return __builtin_fabs(x); }

STEEPEST_HD STEEPEST_INLINE uint32_t bits_of(float x) { return __builtin_bit_cast(uint32_t, x); }
STEEPEST_HD STEEPEST_INLINE uint64_t bits_of(double x) { return __builtin_bit_cast(uint64_t, x); }

// A choice between x and 0 without a condition: `mask` is all_bits<T>(which).
STEEPEST_HD STEEPEST_INLINE float masked(float x, uint32_t mask) {
    return __builtin_bit_cast(float, bits_of(x) & mask);
}
STEEPEST_HD STEEPEST_INLINE double masked(double x, uint64_t mask) {
    return __builtin_bit_cast(double, bits_of(x) & mask);
}
template <class T>
using Mask = decltype(bits_of(T()));
template <class T>
STEEPEST_HD STEEPEST_INLINE Mask<T> all_bits(bool which) {
    return which ? ~Mask<T>{0} : Mask<T>{0};
}
// The same between a and b: what is true of all elements of a loop may then decide in it as often
// as it likes, where a condition could stop the vectoriser.
STEEPEST_HD STEEPEST_INLINE float chosen(uint32_t mask, float a, float b) {
    return __builtin_bit_cast(float, (bits_of(a) & mask) | (bits_of(b) & ~mask));
}
STEEPEST_HD STEEPEST_INLINE double chosen(uint64_t mask, double a, double b) {
    return __builtin_bit_cast(double, (bits_of(a) & mask) | (bits_of(b) & ~mask));
}

// The larger of the two, NaN when either is NaN.
template <class T>
STEEPEST_HD STEEPEST_INLINE T maximum(T a, T b) {
    return (a > b) | (a != a) ? a : b;  // not ||: a branch would stop the vectoriser
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
