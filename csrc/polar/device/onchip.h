// A small matrix in shared memory from its normalisation to its result: one CUDA block each, all
// steps of the standard iteration, nothing written in between.
//
// The iterate and a square matrix lie in shared memory with rows of S floats; every product is a
// square of sums in the registers of each thread, which goes through the inner dimension in order,
// one fused multiply-add after the other. Halves are multiplied otherwise (half_onchip.h).
#pragma once

#include "polar/device/norm.h"

namespace steepest::device {

inline constexpr int64_t kMostOnChip = 128;  // rows and columns

// The arguments of the kernel.
struct OnChipPass {
    const PolarView* views;
    const float* coefficients;  // a, b, c of each step
    double safety;
    int32_t rows, cols, steps;
    bool bounded;  // the views have the norms
};

inline namespace STEEPEST_TARGET {

STEEPEST_HD STEEPEST_INLINE float multiplied_add(float a, float b, float c) {
#ifdef __CUDA_ARCH__
    return __fmaf_rn(a, b, c);
#else
    return __builtin_fmaf(a, b, c);
#endif
}

// Four neighbours in shared memory.
struct alignas(16) FourFloats {
    float v[4];
};

template <int S>
struct OnChip {
    static constexpr int kAcross = 16;          // threads side by side, and above each other
    static constexpr int kMicro = S / kAcross;  // rows and columns of a thread
    static constexpr int kStride = S + 4;       // neighbouring rows begin on other banks
    static constexpr int kEach = S * S / kThreads;
    static_assert(kAcross * kAcross == kThreads && kEach == kMicro * kMicro);

    using Row = float[kStride];
    using DoubleRow = double[kStride];

    // Of the iterate and of the square matrix; the caller's elements come in as doubles, and take
    // the room of both.
    struct alignas(16) Memory {
        unsigned char bytes[sizeof(double) * S * kStride];
        NormSums sums[kThreads];
    };

    // What a thread keeps.
    struct Registers {
        float at[kMicro][kMicro];
    };

    const OnChipPass& pass;
    Memory& memory;
    int64_t matrix;
    int32_t thread;

    STEEPEST_HD STEEPEST_INLINE Row* x() const { return reinterpret_cast<Row*>(memory.bytes); }
    STEEPEST_HD STEEPEST_INLINE Row* r() const { return x() + S; }
    STEEPEST_HD STEEPEST_INLINE DoubleRow* raw() const {
        return reinterpret_cast<DoubleRow*>(memory.bytes);
    }
    STEEPEST_HD STEEPEST_INLINE const PolarView& view() const { return pass.views[matrix]; }
    STEEPEST_HD STEEPEST_INLINE int32_t down() const { return thread / kAcross; }
    STEEPEST_HD STEEPEST_INLINE int32_t across() const { return thread % kAcross; }
    STEEPEST_HD STEEPEST_INLINE int32_t row(int i) const { return down() + i * kAcross; }
    // Columns of a thread: apart where the right operand is read by rows, else in fours.
    STEEPEST_HD STEEPEST_INLINE int32_t apart(int j) const { return across() + j * kAcross; }
    STEEPEST_HD STEEPEST_INLINE int32_t in_fours(int j) const {
        constexpr int kFour = kMicro < 4 ? kMicro : 4;
        return j / kFour * kFour * kAcross + across() * kFour + j % kFour;
    }

    // ---- Normalisation. Each function is what a thread does between two barriers.

    // Calls f(i, j) for this thread's part of the matrix: side by side along rows, or columns.
    template <class F>
    STEEPEST_HD STEEPEST_INLINE void each(bool along_rows, F&& f) const {
        constexpr int kTogether = kEach < 8 ? kEach : 8;
        STEEPEST_ROLLED
        for (int first = 0; first < kEach; first += kTogether) {
            STEEPEST_UNROLL
            for (int k = 0; k < kTogether; ++k) {
                const int32_t at = thread + (first + k) * kThreads;
                f(along_rows ? at / S : at % S, along_rows ? at % S : at / S);
            }
        }
    }
    STEEPEST_HD STEEPEST_INLINE bool is_inside(int32_t i, int32_t j) const {
        return i < pass.rows && j < pass.cols;
    }

    STEEPEST_HD STEEPEST_INLINE void fetch() const {
        const PolarView& v = view();
        with_stored(v.dtype, [&](auto* type) {
            const auto* from = in_global<std::remove_pointer_t<decltype(type)>>(v.data);
            each(magnitude(v.col_stride) <= magnitude(v.row_stride), [&](int32_t i, int32_t j) {
                raw()[i][j] =
                    is_inside(i, j) ? widen(from[i * v.row_stride + j * v.col_stride]) : 0;
            });
        });
    }
    STEEPEST_HD STEEPEST_INLINE void sum_squares() const {
        NormSums sums = {0, 0, 0};
        each(true, [&](int32_t i, int32_t j) { add_square(sums, raw()[i][j]); });
        memory.sums[thread] = sums;
    }
    STEEPEST_HD STEEPEST_INLINE void fold(int half) const { fold_half(memory.sums, thread, half); }
    // The elements of this thread in the order of `each`, rounded once. The iterate takes the room
    // of the upper half of the doubles, which is why these go by way of registers and the others do
    // not: registers for all would be too many.
    STEEPEST_HD STEEPEST_INLINE void normalize(Registers& held) const {
        const PolarScale scale = this->scale();
        STEEPEST_UNROLL
        for (int k = 0; k < kEach / 2; ++k) {
            const int32_t at = thread + k * kThreads;
            held.at[k / kMicro][k % kMicro] = normal(at / S, at % S, scale);
        }
    }
    STEEPEST_HD STEEPEST_INLINE void put_iterate(const Registers& held) const {
        STEEPEST_UNROLL
        for (int k = 0; k < kEach / 2; ++k) {
            const int32_t at = thread + k * kThreads;
            x()[at / S][at % S] = held.at[k / kMicro][k % kMicro];
        }
        const PolarScale scale = this->scale();
        STEEPEST_ROLLED
        for (int k = kEach / 2; k < kEach; ++k) {
            const int32_t at = thread + k * kThreads;
            x()[at / S][at % S] = normal(at / S, at % S, scale);
        }
    }
    STEEPEST_HD STEEPEST_INLINE PolarScale scale() const {
        return scale_by(view(), memory.sums[0], pass.safety, pass.bounded);
    }
    // What is behind the edge stays out of the sums even where all else is NaN.
    STEEPEST_HD STEEPEST_INLINE float normal(int32_t i, int32_t j, const PolarScale& by) const {
        return is_inside(i, j) ? static_cast<float>(raw()[i][j] * by.power * by.factor) : 0;
    }

    // ---- Products, into registers

    STEEPEST_HD static STEEPEST_INLINE FourFloats four_at(const float* at) {
        return *reinterpret_cast<const FourFloats*>(at);
    }

    // sums = a a^T over the first `inner` columns, at columns apart.
    STEEPEST_HD STEEPEST_INLINE void square(const Row* a, int32_t inner, Registers& sums) const {
        clear(sums);
        STEEPEST_ROLLED
        for (int32_t k = 0; k < inner; k += 4) {
            FourFloats left[kMicro];
            STEEPEST_UNROLL
            for (int i = 0; i < kMicro; ++i) left[i] = four_at(&a[row(i)][k]);
            STEEPEST_UNROLL
            for (int j = 0; j < kMicro; ++j) {
                const FourFloats right = four_at(&a[apart(j)][k]);
                STEEPEST_UNROLL
                for (int n = 0; n < 4; ++n) {
                    STEEPEST_UNROLL
                    for (int i = 0; i < kMicro; ++i)
                        sums.at[i][j] = multiplied_add(left[i].v[n], right.v[n], sums.at[i][j]);
                }
            }
        }
    }

    // sums = r x over the rows of x, at columns in fours.
    STEEPEST_HD STEEPEST_INLINE void multiply(Registers& sums) const {
        clear(sums);
        STEEPEST_ROLLED
        for (int32_t k = 0; k < pass.rows; k += 4) {
            FourFloats left[kMicro];
            STEEPEST_UNROLL
            for (int i = 0; i < kMicro; ++i) left[i] = four_at(&r()[row(i)][k]);
            STEEPEST_UNROLL
            for (int n = 0; n < 4; ++n) {
                float right[kMicro];
                take_row(x()[k + n], right);
                STEEPEST_UNROLL
                for (int i = 0; i < kMicro; ++i) {
                    STEEPEST_UNROLL
                    for (int j = 0; j < kMicro; ++j)
                        sums.at[i][j] = multiplied_add(left[i].v[n], right[j], sums.at[i][j]);
                }
            }
        }
    }

    // A row at columns in fours.
    STEEPEST_HD STEEPEST_INLINE void take_row(const float* from, float (&to)[kMicro]) const {
        if constexpr (kMicro < 4) {
            STEEPEST_UNROLL
            for (int j = 0; j < kMicro; ++j) to[j] = from[in_fours(j)];
        } else {
            STEEPEST_UNROLL
            for (int j = 0; j < kMicro; j += 4) {
                const FourFloats four = four_at(from + in_fours(j));
                STEEPEST_UNROLL
                for (int n = 0; n < 4; ++n) to[j + n] = four.v[n];
            }
        }
    }

    STEEPEST_HD static STEEPEST_INLINE void clear(Registers& sums) {
        STEEPEST_UNROLL
        for (int i = 0; i < kMicro; ++i) {
            STEEPEST_UNROLL
            for (int j = 0; j < kMicro; ++j) sums.at[i][j] = 0;
        }
    }

    // ---- What a step stores, once every thread has its sums

    // r = alpha sums + beta r
    STEEPEST_HD STEEPEST_INLINE void put_square(const Registers& sums, float alpha,
                                                float beta) const {
        STEEPEST_UNROLL
        for (int i = 0; i < kMicro; ++i) {
            STEEPEST_UNROLL
            for (int j = 0; j < kMicro; ++j) {
                float& to = r()[row(i)][apart(j)];
                const float product = alpha * sums.at[i][j];
                to = beta == 0 ? product : multiplied_add(beta, to, product);
            }
        }
    }
    // x = alpha sums + beta x
    STEEPEST_HD STEEPEST_INLINE void put_next(const Registers& sums, float alpha,
                                              float beta) const {
        STEEPEST_UNROLL
        for (int i = 0; i < kMicro; ++i) {
            STEEPEST_UNROLL
            for (int j = 0; j < kMicro; ++j) {
                float& to = x()[row(i)][in_fours(j)];
                if (is_inside(row(i), in_fours(j)))
                    to = multiplied_add(beta, to, alpha * sums.at[i][j]);
            }
        }
    }

    STEEPEST_HD STEEPEST_INLINE void put_result() const {
        const PolarView& v = view();
        with_stored(v.dtype, [&](auto* type) {
            auto* to = in_global<std::remove_pointer_t<decltype(type)>>(v.result);
            const bool along_rows =
                magnitude(v.result_col_stride) <= magnitude(v.result_row_stride);
            each(along_rows, [&](int32_t i, int32_t j) {
                if (is_inside(i, j))
                    put(static_cast<double>(x()[i][j]),
                        to[i * v.result_row_stride + j * v.result_col_stride]);
            });
        });
    }
};

// Of shared memory that a matrix of so many columns takes.
inline constexpr int on_chip_bytes(int64_t cols) {
    return static_cast<int>(cols <= 32   ? sizeof(OnChip<32>::Memory)
                            : cols <= 64 ? sizeof(OnChip<64>::Memory)
                                         : sizeof(OnChip<128>::Memory));
}

// The program, by what all threads do between barriers: `team.all` calls f(block, registers) for
// each thread and then waits for all of them.
template <int S, class Team>
STEEPEST_HD STEEPEST_INLINE void run_on_chip(const OnChipPass& pass, Team& team) {
    using Block = OnChip<S>;
    using Registers = typename Block::Registers;
    team.all([](const Block& b, Registers&) { b.fetch(); });
    team.all([](const Block& b, Registers&) { b.sum_squares(); });
    for (int half = kThreads / 2; half > 0; half /= 2)
        team.all([half](const Block& b, Registers&) { b.fold(half); });
    team.all([](const Block& b, Registers& held) { b.normalize(held); });
    team.all([](const Block& b, Registers& held) { b.put_iterate(held); });
    STEEPEST_ROLLED
    for (int32_t t = 0; t < pass.steps; ++t) {
        const float a_k = pass.coefficients[3 * t], b_k = pass.coefficients[3 * t + 1];
        const float c_k = pass.coefficients[3 * t + 2];
        team.all([](const Block& b, Registers& sums) { b.square(b.x(), b.pass.cols, sums); });
        team.all([](const Block& b, Registers& sums) { b.put_square(sums, 1, 0); });
        if (c_k != 0) {  // else cubic: one product less
            team.all([](const Block& b, Registers& sums) { b.square(b.r(), b.pass.rows, sums); });
            team.all([=](const Block& b, Registers& sums) { b.put_square(sums, c_k, b_k); });
        }
        const float by = c_k != 0 ? 1 : b_k;
        team.all([](const Block& b, Registers& sums) { b.multiply(sums); });
        team.all([=](const Block& b, Registers& sums) { b.put_next(sums, by, a_k); });
    }
    team.all([](const Block& b, Registers&) { b.put_result(); });
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
