// Bounds of the spectral norm of one matrix.
#pragma once

#include "norms/gram.h"
#include "norms/vectors.h"
#include "steepest/steepest.h"

namespace steepest::norms {

struct Request {
    steepest_spectral_method method;
    int32_t iterations;  // squarings; negative: until the relative width is `tol`
    double tol;
    double enough;  // an upper bound that need not be improved; 0: none

    bool is_one_sided() const {
        return method == STEEPEST_SPECTRAL_SCHATTEN || method == STEEPEST_SPECTRAL_AOL;
    }
    Precision precision() const {
        return method == STEEPEST_SPECTRAL_ESTIMATE ? Precision::f32 : Precision::f64;
    }
};

struct Interval {
    double lower, upper;
    int32_t iterations;
};

// Where the singular vectors go that the lower bound was found with; null where not wanted.
struct Pair {
    double* short_side = nullptr;
    double* long_side = nullptr;
};

// The same value in both, if they are wanted.
void fill_pair(const polar::View& view, double value, const Pair& pair);

// The Frobenius norm from above, whose computed value is root / power: squares were summed in any
// order, of elements that had been multiplied by powers of two.
double frobenius_bound(const polar::View& view, Up root, double power);

// Zero for a zero matrix, NaN for one with a NaN or an infinity.
Interval bound(const polar::View& view, const Request& request, const Buffers& buffers,
               const Pair& pair);

}  // namespace steepest::norms
