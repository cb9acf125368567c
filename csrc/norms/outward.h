// Arithmetic on bounds of non-negative numbers. An Up is at least the number it stands for, a Down
// at most. Each operation rounds to nearest and then steps to the next number outwards, so a bound
// stays one whatever is computed, underflow and overflow included.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace steepest::norms {

struct Down;

struct Up {
    double value;

    static Up of(double rounded) {
        return {std::nextafter(rounded, std::numeric_limits<double>::infinity())};
    }
};

struct Down {
    double value;

    static Down of(double rounded) { return {rounded > 0 ? std::nextafter(rounded, 0.0) : 0}; }
};

inline Up operator+(Up a, Up b) { return Up::of(a.value + b.value); }
inline Up operator*(Up a, Up b) { return Up::of(a.value * b.value); }
inline Up operator/(Up a, Down b) { return Up::of(a.value / b.value); }
inline Up operator-(Up a, Down b) { return a.value > b.value ? Up::of(a.value - b.value) : Up{0}; }
inline Up sqrt(Up a) { return Up::of(std::sqrt(a.value)); }

inline Down operator+(Down a, Down b) { return Down::of(a.value + b.value); }
inline Down operator*(Down a, Down b) { return Down::of(a.value * b.value); }
inline Down operator/(Down a, Up b) { return Down::of(a.value / b.value); }
inline Down operator-(Down a, Up b) { return Down::of(a.value - b.value); }
inline Down sqrt(Down a) { return Down::of(std::sqrt(a.value)); }

inline Up min(Up a, Up b) { return a.value < b.value ? a : b; }
inline Down max(Down a, Down b) { return a.value > b.value ? a : b; }

// Times 2^e. Exact but where the result is subnormal or too large.
inline Up scaled(Up a, int e) {
    const double value = std::ldexp(a.value, e);
    return std::ldexp(value, -e) == a.value ? Up{value} : Up::of(value);
}
inline Down scaled(Down a, int e) {
    const double value = std::ldexp(a.value, e);
    if (std::isinf(value)) return {std::numeric_limits<double>::max()};
    return std::ldexp(value, -e) == a.value ? Down{value} : Down::of(value);
}

// gamma_k = k u / (1 - k u): a sum of k products, rounded in any order, with or without fused
// operations, is off by at most gamma_k times the sum of magnitudes (Higham, Accuracy and Stability
// of Numerical Algorithms, section 3.1). Infinite where k u is no longer below one.
inline Up gamma(double k, double unit) {
    const double ku = Up::of(k * unit).value;
    return ku < 1 ? Up{ku} / Down::of(1 - ku) : Up{std::numeric_limits<double>::infinity()};
}

// Of the exact sum of `terms` non-negative numbers, each rounded at most three times before it was
// added, when the computed one is given. A term that underflows is off by no more than 2^-1074.
struct SumBounds {
    Up up;
    Down down;

    SumBounds(double computed, double terms) {
        const Up relative = gamma(terms + 3, 0x1p-53);
        const Up tiny = Up{terms} * Up{0x1p-1074};
        up = relative.value < 1 ? (Up{computed} + tiny) / (Down{1} - relative)
                                : Up{std::numeric_limits<double>::infinity()};
        down = (Down{computed} - tiny) / (Up{1} + relative);
    }
};

}  // namespace steepest::norms
