// The fixed reduction tree. Every sum of the library adds the same numbers in the same order,
// whatever the instruction set, the thread count or the device:
//
//   1. a tensor is cut into blocks of kBlock elements;
//   2. inside a block, lane l of kLanes adds the elements l, l + kLanes, l + 2 kLanes, ... in order
//      (a CUDA warp holds the lanes as 32 threads of 16 bytes each);
//   3. lanes fold in halves: lane l takes in lane l + 64, then l + 32, ..., then l + 1;
//   4. the sums of the blocks are added in adjacent pairs, level by level, an odd last one moving
//   up.
//
// All sums are in double.
#pragma once

#include <cstdint>

#include "core/target.h"

namespace steepest {

inline constexpr int64_t kBlock = 4096;
inline constexpr int kLanes = 128;

// Sums down the columns of a matrix: blocks of this many lines, added in order, then in adjacent
// pairs as above.
inline constexpr int64_t kLines = 64;

inline namespace STEEPEST_TARGET {

// Step 3. Leaves the sum in lane[0]. Lanes that are all zero from `used`, a power of two, on may be
// left out, which changes no bit: no sum of the tree is -0.
STEEPEST_HD STEEPEST_INLINE double fold_lanes(double* lane, int used = kLanes) {
    for (int half = used / 2; half > 0; half /= 2)
        for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
    return lane[0];
}

// Step 4, in place: `value` holds n block sums, `stride` doubles apart; value[0] receives the
// total.
STEEPEST_HD STEEPEST_INLINE double fold_pairs(double* value, int64_t n, int64_t stride = 1) {
    if (n == 0) return 0;
    for (; n > 1; n = (n + 1) / 2) {
        for (int64_t i = 0; i < n / 2; ++i)
            value[i * stride] = value[2 * i * stride] + value[(2 * i + 1) * stride];
        if (n % 2) value[n / 2 * stride] = value[(n - 1) * stride];
    }
    return value[0];
}

// The same of block sums that come one after the other.
class PairSum {
  public:
    STEEPEST_HD STEEPEST_INLINE void add(double sum) {
        int k = 0;
        for (uint64_t n = count_; n & 1; n >>= 1) sum = level_[k++] + sum;
        level_[k] = sum;
        ++count_;
    }
    STEEPEST_HD STEEPEST_INLINE double total() const {
        double sum = 0;
        bool any = false;
        int k = 0;
        for (uint64_t n = count_; n; n >>= 1, ++k) {
            if (!(n & 1)) continue;
            sum = any ? level_[k] + sum : level_[k];
            any = true;
        }
        return sum;
    }

  private:
    uint64_t count_ = 0;
    double level_[49];  // of 2^k blocks, where bit k of the count is set
};

// The same for n vectors of `length` doubles, one behind the other: elements [begin, end) of the
// first receive the totals.
STEEPEST_INLINE void fold_vectors(double* vectors, int64_t n, int64_t length, int64_t begin,
                                  int64_t end) {
    for (; n > 1; n = (n + 1) / 2) {
        for (int64_t i = 0; i < n / 2; ++i) {
            double* to = vectors + i * length;
            const double *a = vectors + 2 * i * length, *b = a + length;
            for (int64_t j = begin; j < end; ++j) to[j] = a[j] + b[j];
        }
        if (n % 2)
            for (int64_t j = begin; j < end; ++j)
                vectors[n / 2 * length + j] = vectors[(n - 1) * length + j];
    }
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
