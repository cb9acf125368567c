#include "polar/device/library.h"

#include <algorithm>

namespace steepest::device {
namespace {

using polar::Batch;
using polar::Type;
using polar::Update;

bool is_on_grid(const Batch& b) {
    const int64_t size = is_half(b.matrix.type) ? 2 : 4;
    return reinterpret_cast<uintptr_t>(b.matrix.data) % 16 == 0 && b.matrix.ld * size % 16 == 0 &&
           (b.count <= 1 || b.stride * size % 16 == 0);
}

bool go_together(Type operands, Type stored) {
    return (operands == Type::f32 || is_half(operands)) &&
           (stored == Type::f32 || stored == operands);
}

// Of a matrix by rows: its transpose.
ByColumns transposed(const Batch& b) {
    return {b.matrix.data, b.matrix.cols, b.matrix.rows, b.matrix.ld, b.stride};
}

}  // namespace

bool suits_library(const Batch& A, const Batch& B, const Update& update, const Batch* D,
                   const Batch& C) {
    const bool adds = D && update.beta != 0;
    return std::min({C.matrix.rows, A.matrix.cols, C.matrix.cols}) >= kLibrarySide &&
           update.gamma == 0 && go_together(A.matrix.type, C.matrix.type) && is_on_grid(A) &&
           is_on_grid(B) && is_on_grid(C) &&
           (!adds || (D->matrix.type == C.matrix.type && is_on_grid(*D)));
}

LibraryProduct by_columns(const Batch& A, const Batch& B, const Update& update, const Batch* D,
                          const Batch& C) {
    const bool adds = D && update.beta != 0;
    return {.left = transposed(B),
            .right = transposed(A),
            .addend = transposed(adds ? *D : C),
            .result = transposed(C),
            .operands = A.matrix.type,
            .stored = C.matrix.type,
            .count = C.count,
            .alpha = static_cast<float>(update.alpha),
            .beta = adds ? static_cast<float>(update.beta) : 0.0f};
}

}  // namespace steepest::device
