// Where in rows and columns the elements of a tensor are.
#pragma once

#include "steps/device/descriptors.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// The line of an element in memory, and its position in a line, both counted over the batch.
struct Place {
    int64_t line, position;
};

STEEPEST_HD STEEPEST_INLINE uint64_t upper_product(uint64_t a, uint64_t b) {
#ifdef __CUDA_ARCH__
    return __umul64hi(a, b);
#else
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>(static_cast<Wide>(a) * b >> 64);
#endif
}

// x / y for x < 2^60, with the inverse of y, which is less than 2 / 2^64 too small: the product is
// too small by less than 1/8, and so the quotient by at most 1. A division of 64 bits takes many
// times as long on a device, and more registers than a step has left.
STEEPEST_HD STEEPEST_INLINE int64_t quotient(int64_t x, int64_t y, uint64_t inverse) {
    const auto q = static_cast<int64_t>(upper_product(static_cast<uint64_t>(x), inverse));
    return x - q * y >= y ? q + 1 : q;
}

// A place that is left for the next one.
class Walk {
    const Axes& axes_;
    int64_t lines_left_;

  public:
    Place at;
    int64_t left;  // in its line

    STEEPEST_HD STEEPEST_INLINE Walk(const Axes& a, int64_t element) : axes_(a) {
        at.line = quotient(element, a.inner, a.inner_inverse);
        const int64_t matrix = at.line < a.outer ? 0 : quotient(at.line, a.outer, a.outer_inverse);
        const int64_t in_line = element - at.line * a.inner;
        at.position = matrix * a.inner + in_line;
        left = a.inner - in_line;
        lines_left_ = (matrix + 1) * a.outer - at.line;
    }

    STEEPEST_HD STEEPEST_INLINE void step() {
        ++at.position;
        if (--left > 0) return;
        left = axes_.inner;
        ++at.line;
        if (--lines_left_ > 0)
            at.position -= axes_.inner;
        else
            lines_left_ = axes_.outer;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
