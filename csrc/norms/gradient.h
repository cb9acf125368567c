// Gradient of the Schatten bound that Gram iteration converges through.
#pragma once

#include "norms/gram.h"

namespace steepest::norms {

// Memory besides the iteration's: two more squares, and the product by the matrix.
struct GradientBuffers {
    Buffers iteration;
    void* power[2];
    polar::Batch product;

    GradientBuffers(const polar::View& view, Arena& arena);
};

// Of f(W) = (tr (W W^T)^(2^N))^(2^-(N+1)), the Schatten norm of order 2^(N+1), with N squarings:
//     (W W^T)^(2^N - 1) W / f^(2^(N+1) - 1).
// Written to the view's result. Returns f. Zero has no gradient and gets zero.
double gradient(const polar::View& view, int32_t squarings, const GradientBuffers& buffers);

}  // namespace steepest::norms
