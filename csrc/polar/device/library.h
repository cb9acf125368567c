// General products by a library of the device's maker, where it is installed: what it is asked for,
// and which products are.
//
// Such libraries keep matrices by columns. Ours lie by rows, and read by columns they are their
// transposes: C = A B then says C^T = B^T A^T, the operands change places, and nothing is moved.
#pragma once

#include "polar/products.h"

namespace steepest::device {

// Consecutive columns are ld elements apart, the matrices of a batch `stride`.
struct ByColumns {
    void* data;
    int64_t rows, cols, ld, stride;
};

// result = alpha left right + beta addend, for `count` matrices. The addend's pointer may be the
// result's; it is not read where beta is zero.
struct LibraryProduct {
    ByColumns left, right, addend, result;
    polar::Type operands, stored;  // of left and right; of addend and result
    int64_t count;
    float alpha, beta;

    bool adds() const { return beta != 0; }
};

class ProductLibrary {
  public:
    virtual ~ProductLibrary() = default;

    // Enqueues a product on the stream. False, and nothing done, where it has none like it.
    virtual bool multiply(const LibraryProduct& product, void* stream) const = 0;
};

// Sides from which on products go to a library. Below, a launch is all there is to save.
inline constexpr int64_t kLibrarySide = 256;

// Whether C = alpha A B + beta D + gamma I is a product for a library. It depends on shapes, types
// and places alone, never on how many matrices there are: a matrix has its bits in any batch.
//   * Sums in float: those in double, and their order, are ours.
//   * D, where it is read, is stored as C is, and nothing is added to the diagonal.
//   * Everything begins where 16 bytes do.
bool suits_library(const polar::Batch& A, const polar::Batch& B, const polar::Update& update,
                   const polar::Batch* D, const polar::Batch& C);

LibraryProduct by_columns(const polar::Batch& A, const polar::Batch& B, const polar::Update& update,
                          const polar::Batch* D, const polar::Batch& C);

}  // namespace steepest::device
