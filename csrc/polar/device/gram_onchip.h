// The square matrices of the Gram method in shared memory: one CUDA block takes R and Q of a matrix
// through all steps between two products by the iterate, and leaves the factor Q.
//
// Products are sums in the order of the inner dimension, one fused multiply-add after the other,
// and what is added to them is rounded apart: the bits are those of the products one by one. Every
// matrix is symmetric, so that only what lies on and below the diagonal is computed, and the right
// operand is read by rows.
#pragma once

#include "polar/device/elements.h"
#include "polar/device/fma_tile.h"
#include "polar/device/passes.h"

namespace steepest::device {

inline constexpr int kGramSteps = 32;  // of one launch
// Largest sides, by the kernel: those in float, and the first of them in double.
inline constexpr int kGramSides[] = {32, 64, 96, 128};
inline constexpr int kGramKinds = 4, kGramKindsF64 = 2;

// The arguments of the kernel.
struct GramStepsPass {
    Batch r, q;       // read, and written if iterations go on after this launch
    Batch high, low;  // the factor as the sum of two halves, where it is wanted so
    double coefficients[3 * kGramSteps];
    int32_t steps;
    bool is_first, is_last;  // of the launches between two products by the iterate
    bool splits;
};

inline namespace STEEPEST_TARGET {

template <class T, int S>
struct GramOnChip {
    static constexpr int kAcross = 16;  // threads side by side, and above each other
    static constexpr int kMicro = S / kAcross;
    static constexpr int kStride = S + kPieceOf<T>;  // neighbouring rows begin on other banks
    static_assert(kAcross * kAcross == kThreads && kAcross % kPieceOf<T> == 0);

    using Element = T;
    using Row = T[kStride];
    struct alignas(kPiece) Memory {
        Row r[S], z[S], q[S];
    };
    // Of the elements of a thread those in squares above the diagonal stay unused.
    struct Registers {
        T at[kMicro][kMicro];
    };
    // Of a product, and what is added to it.
    struct Operands {
        const Row *left, *right, *d;
        Row* to;
    };

    const GramStepsPass& pass;
    Memory& memory;
    int64_t matrix;
    int32_t thread;

    STEEPEST_HD STEEPEST_INLINE int32_t side() const {
        return static_cast<int32_t>(pass.r.matrix.rows);
    }
    STEEPEST_HD STEEPEST_INLINE int32_t row(int i) const { return thread / kAcross + i * kAcross; }
    STEEPEST_HD STEEPEST_INLINE int32_t col(int j) const { return thread % kAcross + j * kAcross; }

    // ---- Each function is what a thread does between two barriers.

    // A matrix from memory, and zeros around it.
    STEEPEST_HD STEEPEST_INLINE void fetch(const Batch& from, Row* to) const {
        const auto* first = in_global<T>(element<T>(from, matrix, 0, 0));
        STEEPEST_ROLLED
        for (int32_t at = thread; at < S * S; at += kThreads) {
            const int32_t i = at / S, j = at % S;
            to[i][j] = i < side() && j < side() ? first[i * from.matrix.ld + j] : T{0};
        }
    }
    STEEPEST_HD STEEPEST_INLINE void store(const Row* from, const Batch& to) const {
        auto* first = in_global<T>(static_cast<void*>(element<T>(to, matrix, 0, 0)));
        each([&](int32_t i, int32_t j) { first[i * to.matrix.ld + j] = from[i][j]; });
    }
    template <class Half>
    STEEPEST_HD STEEPEST_INLINE void store_split() const {
        auto* high =
            in_global<uint16_t>(static_cast<void*>(element<uint16_t>(pass.high, matrix, 0, 0)));
        auto* low =
            in_global<uint16_t>(static_cast<void*>(element<uint16_t>(pass.low, matrix, 0, 0)));
        each([&](int32_t i, int32_t j) {
            split_half<Half>(static_cast<float>(memory.q[i][j]), high[i * pass.high.matrix.ld + j],
                             low[i * pass.low.matrix.ld + j]);
        });
    }

    // sums = a b, both symmetric, on and below the diagonal.
    STEEPEST_HD STEEPEST_INLINE void multiply(const Row* a, const Row* b, Registers& sums) const {
        unrolled<kMicro, kMicro>([&](int i, int j) { sums.at[i][j] = 0; });
        STEEPEST_ROLLED
        for (int32_t k = 0; k < side(); k += kPieceOf<T>) {
            Piece<T> left[kMicro];
            STEEPEST_UNROLL
            for (int i = 0; i < kMicro; ++i) left[i] = piece(&a[row(i)][k]);
            STEEPEST_UNROLL
            for (int j = 0; j < kMicro; ++j) {
                const Piece<T> right = piece(&b[col(j)][k]);
                unrolled<kPieceOf<T>, kMicro>([&](int n, int i) {
                    if (i >= j) sums.at[i][j] = fused(left[i].v[n], right.v[n], sums.at[i][j]);
                });
            }
        }
    }

    // to = alpha sums + beta d, also above the diagonal. Either may be an operand of the product,
    // and both the same.
    STEEPEST_HD STEEPEST_INLINE void put(const Registers& sums, double alpha, double beta,
                                         const Row* d, Row* to) const {
        const T by = static_cast<T>(alpha), with = static_cast<T>(beta);
        each_lower([&](int i, int j) {
            T value = by * sums.at[i][j];
            if (beta != 0) value += with * d[row(i)][col(j)];
            put_both(row(i), col(j), value, to);
        });
    }
    // q = z + value I
    STEEPEST_HD STEEPEST_INLINE void start_factor(double value) const {
        each_lower([&](int i, int j) {
            T x = memory.z[row(i)][col(j)];
            if (row(i) == col(j)) device::put(widen(x) + value, x);
            put_both(row(i), col(j), x, memory.q);
        });
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE const Piece<T>& piece(const T* at) {
        return *reinterpret_cast<const Piece<T>*>(at);
    }
    // Calls f(row, column) for this thread's part of the matrix, side by side along rows.
    template <class F>
    STEEPEST_HD STEEPEST_INLINE void each(F&& f) const {
        STEEPEST_ROLLED
        for (int32_t at = thread; at < S * S; at += kThreads)
            if (at / S < side() && at % S < side()) f(at / S, at % S);
    }
    // Calls f(i, j) for the elements of this thread on and below the diagonal.
    template <class F>
    STEEPEST_HD STEEPEST_INLINE void each_lower(F&& f) const {
        unrolled<kMicro, kMicro>([&](int i, int j) {
            if (i >= j && row(i) >= col(j)) f(i, j);
        });
    }
    // What is behind the edge stays out of the sums even where all else is NaN.
    STEEPEST_HD STEEPEST_INLINE void put_both(int32_t i, int32_t j, T value, Row* to) const {
        to[i][j] = to[j][i] = i < side() ? value : T{0};
    }
};

// Of shared memory that the kernel of a kind takes.
inline constexpr int gram_bytes(int kind, bool is_f64) {
    const int size = is_f64 ? 8 : 4, side = kGramSides[kind];
    return 3 * side * (side + kPiece / size) * size;
}
static_assert(sizeof(GramOnChip<float, 96>::Memory) == gram_bytes(2, false));
static_assert(sizeof(GramOnChip<double, 64>::Memory) == gram_bytes(1, true));

// One step: Z = b R + c R^2, Q <- (Z + a) Q and, unless it is the last, R <- (Z + a)^2 R.
template <class Block, class Team>
STEEPEST_HD STEEPEST_INLINE void run_gram_step(const double* k, bool is_first, bool is_last,
                                               Team& team) {
    using Memory = typename Block::Memory;
    using Operands = typename Block::Operands;
    using Registers = typename Block::Registers;
    const double a_k = k[0], b_k = k[1], c_k = k[2];
    const auto multiply = [&](auto&& operands, double alpha, double beta) {
        team.all([&](const Block& b, Registers& sums) {
            const Operands o = operands(b.memory);
            b.multiply(o.left, o.right, sums);
        });
        team.all([&](const Block& b, Registers& sums) {
            const Operands o = operands(b.memory);
            b.put(sums, alpha, beta, o.d, o.to);
        });
    };
    multiply([](Memory& m) { return Operands{m.r, m.r, m.r, m.z}; }, c_k, b_k);
    if (is_first)
        team.all([=](const Block& b, Registers&) { b.start_factor(a_k); });
    else
        multiply([](Memory& m) { return Operands{m.q, m.z, m.q, m.q}; }, 1, a_k);
    if (is_last) return;
    multiply([](Memory& m) { return Operands{m.r, m.z, m.r, m.r}; }, 1, a_k);
    multiply([](Memory& m) { return Operands{m.z, m.r, m.r, m.r}; }, 1, a_k);
}

// The program, by what all threads do between barriers: `team.all` calls f(block, registers) for
// each thread and then waits for all of them.
template <class T, int S, class Team>
STEEPEST_HD STEEPEST_INLINE void run_gram_on_chip(const GramStepsPass& pass, Team& team) {
    using Block = GramOnChip<T, S>;
    using Registers = typename Block::Registers;
    team.all([](const Block& b, Registers&) {
        b.fetch(b.pass.r, b.memory.r);
        if (!b.pass.is_first) b.fetch(b.pass.q, b.memory.q);
    });
    STEEPEST_ROLLED
    for (int32_t t = 0; t < pass.steps; ++t)
        run_gram_step<Block>(pass.coefficients + 3 * t, pass.is_first && t == 0,
                             pass.is_last && t + 1 == pass.steps, team);
    team.all([](const Block& b, Registers&) {
        if (!b.pass.splits || !b.pass.is_last)
            b.store(b.memory.q, b.pass.q);
        else if (b.pass.high.matrix.type == polar::Type::bf16)
            b.template store_split<Bf16>();
        else
            b.template store_split<F16>();
        if (!b.pass.is_last) b.store(b.memory.r, b.pass.r);
    });
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
