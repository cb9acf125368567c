// A small matrix of halves in shared memory from its normalisation to its result: one CUDA block
// each, all steps of the standard iteration on tensor cores, nothing written in between.
//
// Every product goes through the inner dimension as the kernels of products do, and what a step
// stores is rounded as they round it: the bits are those of the products one by one.
#pragma once

#include "polar/device/mma_warps.h"
#include "polar/device/norm.h"
#include "polar/device/onchip.h"

namespace steepest::device {

inline namespace STEEPEST_TARGET {

template <class H, int S>
struct HalfOnChip {
    using Half = H;
    using Warps = MmaWarps<S>;
    using Registers = typename Warps::Fragments;
    // Neighbouring rows begin on other banks.
    static constexpr int kStride = S * static_cast<int>(sizeof(uint16_t)) + kPiece;
    static constexpr int kRowHalves = kStride / static_cast<int>(sizeof(uint16_t));
    static constexpr int kEach = S * S / kThreads;

    using Row = uint16_t[kRowHalves];

    struct alignas(kPiece) Memory {
        Row x[S], r[S];  // the iterate, and a square matrix
        NormSums sums[kThreads];
    };

    const OnChipPass& pass;
    Memory& memory;
    int64_t matrix;
    int32_t thread;

    STEEPEST_HD STEEPEST_INLINE const PolarView& view() const { return pass.views[matrix]; }
    STEEPEST_HD STEEPEST_INLINE bool is_inside(int32_t i, int32_t j) const {
        return i < pass.rows && j < pass.cols;
    }
    // Calls f(i, j) for this thread's part of the square: side by side along rows, or columns.
    template <class F>
    STEEPEST_HD STEEPEST_INLINE void each(bool along_rows, F&& f) const {
        STEEPEST_ROLLED
        for (int k = 0; k < kEach; ++k) {
            const int32_t at = thread + k * kThreads;
            f(along_rows ? at / S : at % S, along_rows ? at % S : at / S);
        }
    }
    // Calls f(x, i, j) for this thread's part of the caller's matrix.
    template <class F>
    STEEPEST_HD STEEPEST_INLINE void each_given(bool along_rows, F&& f) const {
        const PolarView& v = view();
        with_stored(v.dtype, [&](auto* type) {
            const auto* from = in_global<std::remove_pointer_t<decltype(type)>>(v.data);
            each(along_rows, [&](int32_t i, int32_t j) {
                f(is_inside(i, j) ? widen(from[i * v.row_stride + j * v.col_stride]) : 0, i, j);
            });
        });
    }

    // ---- Each function is what a thread does between two barriers.

    // In the order of rows, so that the norm does not depend on how the matrix lies in memory. The
    // second look at it finds it in the caches.
    STEEPEST_HD STEEPEST_INLINE void sum_squares() const {
        NormSums sums = {0, 0, 0};
        each_given(true, [&](double x, int32_t, int32_t) { add_square(sums, x); });
        memory.sums[thread] = sums;
    }
    STEEPEST_HD STEEPEST_INLINE void fold(int half) const { fold_half(memory.sums, thread, half); }
    // What is behind the edge stays out of the sums even where all else is NaN.
    STEEPEST_HD STEEPEST_INLINE void normalize() const {
        const PolarScale scale = scale_by(view(), memory.sums[0], pass.safety, pass.bounded);
        const bool along_rows = magnitude(view().col_stride) <= magnitude(view().row_stride);
        each_given(along_rows, [&](double x, int32_t i, int32_t j) {
            const auto scaled = static_cast<float>(x * scale.power * scale.factor);
            memory.x[i][j] = is_inside(i, j) ? Half::nearest(scaled) : uint16_t{0};
        });
    }

    // A step of a product along the inner dimension: left by rows, right by columns or by rows.
    template <bool kColumns>
    STEEPEST_HD STEEPEST_INLINE void load(const Row* left, const Row* right, int step,
                                          Registers& held) const {
        Warps::template load_left<kStride>(thread, bytes(left), step, held);
        Warps::template load_right<kColumns, kStride>(thread, bytes(right), step, held);
    }

    // to = alpha sums + beta to, at most `rows` x `cols`.
    STEEPEST_HD STEEPEST_INLINE void put(const Registers& held, float alpha, float beta, Row* to,
                                         int32_t rows, int32_t cols) const {
        Warps::each_pair(thread, held, [&](int i, int j, float sum, float right) {
            uint16_t* at = &to[i][j];
            at[0] = next(sum, alpha, beta, at[0], i < rows && j < cols);
            at[1] = next(right, alpha, beta, at[1], i < rows && j + 1 < cols);
        });
    }

    STEEPEST_HD STEEPEST_INLINE void put_result() const {
        const PolarView& v = view();
        with_stored(v.dtype, [&](auto* type) {
            auto* to = in_global<std::remove_pointer_t<decltype(type)>>(v.result);
            const bool along_rows =
                magnitude(v.result_col_stride) <= magnitude(v.result_row_stride);
            each(along_rows, [&](int32_t i, int32_t j) {
                if (is_inside(i, j))
                    device::put(static_cast<double>(Half::decode(memory.x[i][j])),
                                to[i * v.result_row_stride + j * v.result_col_stride]);
            });
        });
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE const char* bytes(const Row* rows) {
        return reinterpret_cast<const char*>(rows);
    }
    STEEPEST_HD static STEEPEST_INLINE uint16_t next(float sum, float alpha, float beta,
                                                     uint16_t old, bool inside) {
        float value = alpha * sum;
        if (beta != 0) value += beta * Half::decode(old);
        return inside ? Half::nearest(value) : uint16_t{0};
    }
};

// Of shared memory that a matrix of so many columns takes.
inline constexpr int half_on_chip_bytes(int64_t cols) {
    return static_cast<int>(cols <= 64 ? sizeof(HalfOnChip<Bf16, 64>::Memory)
                                       : sizeof(HalfOnChip<Bf16, 128>::Memory));
}

// The program. A team has, beside `all` (see run_on_chip), `each`, which does not wait, and
// `multiply_add<Half>(i, j)`, a fragment's product by all warps.
template <class Block, class Team>
class HalfProgram {
    using Registers = typename Block::Registers;
    using Row = typename Block::Row;
    using Memory = typename Block::Memory;
    using Warps = typename Block::Warps;

  public:
    STEEPEST_HD STEEPEST_INLINE HalfProgram(const OnChipPass& pass, Team& team)
        : pass_(pass), team_(team) {}

    STEEPEST_HD STEEPEST_INLINE void run() {
        team_.all([](const Block& b, Registers&) { b.sum_squares(); });
        for (int half = kThreads / 2; half > 0; half /= 2)
            team_.all([half](const Block& b, Registers&) { b.fold(half); });
        team_.all([](const Block& b, Registers&) { b.normalize(); });
        STEEPEST_ROLLED
        for (int32_t t = 0; t < pass_.steps; ++t) step(pass_.coefficients + 3 * t);
        team_.all([](const Block& b, Registers&) { b.put_result(); });
    }

  private:
    STEEPEST_HD STEEPEST_INLINE void step(const float* k) {
        const float a_k = k[0], b_k = k[1], c_k = k[2];
        const auto x = [](Memory& m) { return m.x; };
        const auto r = [](Memory& m) { return m.r; };
        multiply<false>(x, x, pass_.cols);
        put(r, 1, 0, pass_.rows);
        if (c_k != 0) {  // else cubic: one product less
            multiply<false>(r, r, pass_.rows);
            put(r, c_k, b_k, pass_.rows);
        }
        multiply<true>(r, x, pass_.rows);
        put(x, c_k != 0 ? 1 : b_k, a_k, pass_.cols);
    }

    // left right over `inner`, where the right operand lies by rows of it, or left right^T.
    template <bool kColumns, class Left, class Right>
    STEEPEST_HD STEEPEST_INLINE void multiply(Left left, Right right, int32_t inner) {
        team_.each([](const Block&, Registers& held) { held.clear(); });
        STEEPEST_ROLLED
        for (int step = 0; step * Warps::kInner < inner; ++step) {
            team_.each([=](const Block& b, Registers& held) {
                b.template load<kColumns>(left(b.memory), right(b.memory), step, held);
            });
            unrolled<Warps::kDown, Warps::kAcross>(
                [&](int i, int j) { team_.template multiply_add<typename Block::Half>(i, j); });
        }
        team_.all([](const Block&, Registers&) {});  // all have read the operands
    }

    template <class To>
    STEEPEST_HD STEEPEST_INLINE void put(To to, float alpha, float beta, int32_t cols) {
        team_.all([=](const Block& b, Registers& held) {
            b.put(held, alpha, beta, to(b.memory), b.pass.rows, cols);
        });
    }

    const OnChipPass& pass_;
    Team& team_;
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
