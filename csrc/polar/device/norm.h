// Frobenius norms on a device, in one pass over memory and without the host: the factors that
// normalise stay there.
//
// Squares of doubles overflow, and vanish where they are small. Every element is therefore squared
// in one of three ranges (J. L. Blue, ACM TOMS 4, 1978), and what the ranges sum to is put together
// once. Sums run over the elements of a thread, threads and tiles in an order that does not depend
// on how the matrix lies in memory.
#pragma once

#include "core/math.h"
#include "polar/device/transfer.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

inline constexpr double kTiny = 0x1p-511, kHuge = 0x1p486;    // ends of the middle range
inline constexpr double kRaise = 0x1p537, kLower = 0x1p-538;  // powers of two of the other two

STEEPEST_HD STEEPEST_INLINE void add(double& to, double sum) { to += sum; }
STEEPEST_HD STEEPEST_INLINE void add(NormSums& to, const NormSums& sums) {
    to.tiny += sums.tiny;
    to.middle += sums.middle;
    to.huge += sums.huge;
}

// NaN goes to the middle.
STEEPEST_HD STEEPEST_INLINE void add_square(NormSums& to, double x) {
    const double size = absolute(x);
    if (size > kHuge) {
        to.huge += (size * kLower) * (size * kLower);
    } else if (size < kTiny) {
        to.tiny += (size * kRaise) * (size * kRaise);
    } else {
        to.middle += x * x;
    }
}

STEEPEST_HD STEEPEST_INLINE void fetch_doubles(const PolarPass& pass, const PolarTile& t,
                                               int32_t thread, TileMemory<double>& memory) {
    fetch_view(pass.views[t.matrix], t, thread,
               [&](double x, int32_t i, int32_t j) { memory.at[i][j] = x; });
}

// What a thread sums of a tile.
STEEPEST_HD STEEPEST_INLINE NormSums tile_squares(const PolarTile& t, int32_t thread,
                                                  const TileMemory<double>& memory) {
    NormSums sums = {0, 0, 0};
    t.each(thread, true, [&](int32_t i, int32_t j) { add_square(sums, memory.at[i][j]); });
    return sums;
}

// The tiles of a matrix that a thread adds up.
STEEPEST_HD STEEPEST_INLINE NormSums matrix_squares(const PolarPass& pass, int64_t matrix,
                                                    int32_t thread) {
    const int64_t tiles = tiles_of(pass.to);
    NormSums sums = {0, 0, 0};
    for (int64_t i = thread; i < tiles; i += kThreads) add(sums, pass.partial[matrix * tiles + i]);
    return sums;
}

// The threads' sums in halves; the total is then that of the first.
template <class Sum>
STEEPEST_HD STEEPEST_INLINE void fold_half(Sum* sums, int32_t thread, int half) {
    if (thread < half) add(sums[thread], sums[thread + half]);
}

// The norm as root / power. Where the middle range holds anything to speak of, all that is tiny is
// less than a rounding of it; beside something huge, the middle range is lowered with it.
struct NormParts {
    double root, power;
};
STEEPEST_HD STEEPEST_INLINE NormParts norm_of(const NormSums& s) {
    constexpr double kWorthwhile = 0x1p-800;
    double squares = s.middle, power = 1;
    if (s.huge > 0) {
        power = kLower;
        squares = s.huge + s.middle * kLower * kLower;
    } else if (s.middle < kWorthwhile) {
        power = kRaise;
        squares = s.tiny + s.middle * kRaise * kRaise;
    }
    return {steepest::sqrt(squares), power};
}

// Zero stays zero; the factor of what is no finite number is NaN.
STEEPEST_HD STEEPEST_INLINE PolarScale scale_by(const PolarView& v, const NormSums& sums,
                                                double safety, bool bounded) {
    NormParts norm = norm_of(sums);
    const bool is_finite = norm.root - norm.root == 0;
    if (!is_finite) return {1, __builtin_nan("")};
    if (bounded) norm = {v.given, v.given_power};
    return {norm.power, norm.root == 0 ? 0 : 1 / (safety * norm.root)};
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
