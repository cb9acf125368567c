// What device code reads of a product: plain data that travels as the kernel's argument.
#pragma once

#include "polar/products.h"
#include "steps/device/backend.h"

namespace steepest::device {

inline constexpr int kTileThreads = 256;  // that work on a tile

// The same matrix of every member of a batch.
struct Operand {
    void* data;
    int64_t ld, stride;  // in elements
    polar::Type type;
    bool is_wide;  // rows begin on the 16-byte grid
};

// The kernels, by the types of A and C and the side of a tile of C.
enum class ProductKernel : int {
    f32_large,
    f32_small,
    f32_long,  // sums in double
    f64,
    bf16_large,
    bf16_small,
    f16_large,
    f16_small
};
inline constexpr int kProductKernels = 8;

constexpr int tile_of(ProductKernel kernel) {
    switch (kernel) {
        case ProductKernel::f32_large:
        case ProductKernel::bf16_large:
        case ProductKernel::f16_large:
            return 128;
        default:
            return 64;
    }
}

// The arguments of every kernel. A tile is a square part of C that one CUDA block makes.
struct ProductPass {
    Operand a, b, c, d;  // d.data is null where there is none
    int64_t rows, inner, cols, count;
    int64_t first_item;  // of this launch; items are the tiles of one matrix after the other
    int64_t tiles;       // of a matrix
    int64_t tile_cols;   // side by side, in C or in the folded triangle
    double alpha, beta, gamma;
    polar::ByProducts* tile_sums;  // null: none are wanted
    polar::ByProducts* sums;
    bool is_lower;  // only tiles on and below the diagonal are computed, and mirrored
};

// Runs the kernel on a number of tiles from pass.first_item on, or of matrices.
using ProductRun = void (*)(const ProductPass& pass, int64_t items, void* stream);

struct ProductRuns {
    ProductRun multiply[kProductKernels];
    ProductRun fold;  // the sums of matrices from those of their tiles
};

}  // namespace steepest::device
