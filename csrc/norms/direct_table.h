// What a CPU target supplies to Lanczos' method on a matrix itself. Everything here is data, so
// that the targets share no code.
#pragma once

#include <cstdint>

namespace steepest::norms {

// Rows of floats, `ld` elements apart.
struct FloatRows {
    const float* data;
    int64_t ld, rows, cols;
};

// image += X^T X v in one read of X: rows that were multiplied by v are in the cache when their
// multiples are added. Sums are in float.
using NormalFn = void (*)(const FloatRows& x, const float* v, float* image);

struct DirectKernels {
    NormalFn normal;
};

}  // namespace steepest::norms
