// The matrix products of Newton–Schulz and of every other polynomial of a matrix, on the CPU.
//
// An iteration is a short program over three products: C = alpha A A^T + beta D + gamma I, the same
// for A B where A and B are symmetric and commute, and the same for any A B. The first two compute
// one triangle and mirror it, so C is exactly symmetric and costs half. bfloat16 operands are
// multiplied exactly and accumulated in float.
//
// Results are the same bits for any number of threads: the order of every sum depends on the shape
// alone. They differ between CPU targets. NaN and infinities pass through; D is not read when beta
// is zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arena.h"

namespace steepest::polar {

// float16 is for devices: the products of this header have no kernels for it.
enum class Type : int { f32 = 0, f64 = 1, bf16 = 2, f16 = 3 };

constexpr bool is_half(Type t) { return t == Type::bf16 || t == Type::f16; }

// Row-major; consecutive rows are ld >= cols elements apart.
struct Matrix {
    void* data;
    int64_t rows, cols, ld;
    Type type;
};

// `count` matrices of one shape, `stride` elements apart.
struct Batch {
    Matrix matrix;
    int64_t count;
    int64_t stride;
};

// Products of floats that are summed in float before they are added to a sum in double.
inline constexpr int64_t kShortRun = 32;

// C = alpha product + beta D + gamma I, rounded to the accumulator's type.
struct Update {
    double alpha;
    double beta;
    double gamma;
};

// Of C before it is rounded to bfloat16: the trace, and the sum of squares of all elements. Summed
// in double, in an order that depends on the shape and the target alone.
struct ByProducts {
    double trace;
    double squares;
};

// Bytes of scratch memory that make a product with first operand A and result C run at full speed.
size_t scratch_bytes(const Batch& A, const Batch& C);

// How many matrices of a batch a product works on at a time, each by one thread; one means that all
// threads share a matrix. `multiplications` are those of one matrix.
int64_t matrices_at_a_time(int64_t multiplications, int64_t count);

// threads_for so many multiplications.
int threads_for_products(int64_t multiplications);

// For all three:
//   * `scratch` is the caller's; all of it is free again afterwards. With less than scratch_bytes
//     fewer threads are used; what one thread needs is the least, else false is returned and
//     nothing done.
//   * C and D are stored as float or bfloat16 when A is either of these, as double when A is.
//   * C and D may be double where A is float: runs of at most kShortRun products are then summed in
//     float, and the runs in double.
//   * D may be null, and may be C. Other than that, C overlaps nothing.
//   * `sums`, when given, receives one entry for each matrix of the batch.
//   * `scratch_bytes` and the product must see the same CPU target.

// A is n x k. D is symmetric; only its lower triangle is read.
bool symmetric(const Batch& A, const Update& update, const Batch* D, const Batch& C, Arena scratch,
               ByProducts* sums = nullptr);

// A and B, of one type, are n x n, symmetric, and commute.
bool symmetric_product(const Batch& A, const Batch& B, const Update& update, const Batch* D,
                       const Batch& C, Arena scratch, ByProducts* sums = nullptr);

// A is n x k and B k x m, of one type.
bool general(const Batch& A, const Batch& B, const Update& update, const Batch* D, const Batch& C,
             Arena scratch);

}  // namespace steepest::polar
