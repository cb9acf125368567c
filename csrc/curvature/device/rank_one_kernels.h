// MKOR's update on a device: F is read for F v, and read and written once more. What is done is
// decided on the device, so that nothing waits for it.
#pragma once

#include <type_traits>

#include "core/math.h"
#include "curvature/rank_one_form.h"
#include "steps/device/phases.h"

namespace steepest::device {

// What the kernels find out.
struct RankOneState {
    uint64_t before, after;  // the largest magnitude in F, as bits in T
    double largest, denominator, root;
    curvature::Form form;
    int32_t stabilized, applied;
    int32_t reads_vector;  // whether there is a rank-one term
    int32_t resets;        // whether F becomes the identity
};

// The arguments of every kernel.
struct RankOnePass {
    void* matrix;
    const void* vector;
    double* partial;  // sums of the blocks of each row of F, times v
    double* image;    // F v, then p F v + q v
    double* dots;     // sums of the blocks of v^T image
    void* term;       // in T
    RankOneState* state;
    double* results;  // largest, denominator, stabilized, applied
    int64_t n, blocks;
    double decay, threshold, zeta, known;  // the last: the largest magnitude in F, if has_known
    int32_t variant, stabilizer;
    bool is_f64, has_known;
};

inline namespace STEEPEST_TARGET {

template <class F>
STEEPEST_HD STEEPEST_INLINE void with_precision(const RankOnePass& pass, F&& f) {
    if (pass.is_f64)
        f(static_cast<double*>(nullptr));
    else
        f(static_cast<float*>(nullptr));
}

// Magnitudes as bits are in the order of the magnitudes, and NaN comes after all: their maximum
// does not depend on the order in which threads come.
STEEPEST_HD STEEPEST_INLINE uint64_t magnitude_bits(float x) { return bits_of(x) & 0x7FFFFFFFu; }
STEEPEST_HD STEEPEST_INLINE uint64_t magnitude_bits(double x) {
    return bits_of(x) & 0x7FFFFFFFFFFFFFFFull;
}
STEEPEST_HD STEEPEST_INLINE void raise(uint64_t* largest, uint64_t bits) {
#ifdef __CUDA_ARCH__
    atomicMax(reinterpret_cast<unsigned long long*>(largest),
              static_cast<unsigned long long>(bits));
#else
    if (*largest < bits) *largest = bits;
#endif
}
STEEPEST_HD STEEPEST_INLINE double magnitude_of(const RankOnePass& pass, uint64_t bits) {
    return pass.is_f64
               ? __builtin_bit_cast(double, bits)
               : static_cast<double>(__builtin_bit_cast(float, static_cast<uint32_t>(bits)));
}

// The largest of what the threads of a CUDA block found.
struct LargestOfBlock {
    uint64_t found[kThreads];

    STEEPEST_HD void into(uint64_t* largest) const {
        uint64_t most = 0;
        for (int i = 0; i < kThreads; ++i) most = found[i] > most ? found[i] : most;
        raise(largest, most);
    }
};

// Before the update, where the caller does not know it.
struct FindLargest {
    using Pass = RankOnePass;
    static constexpr const char* kName = "largest magnitude";
    static constexpr int kPhases = 2;
    static constexpr int kEach = 16;  // elements of a thread
    using Shared = LargestOfBlock;

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        if constexpr (kPhase == 0)
            with_precision(pass, [&](auto* type) {
                shared.found[thread.index] =
                    take<std::remove_pointer_t<decltype(type)>>(pass, thread);
            });
        else if (thread.index == 0)
            shared.into(&pass.state->before);
    }

  private:
    template <class T>
    STEEPEST_HD static STEEPEST_INLINE uint64_t take(const Pass& pass, const Thread& thread) {
        const T* x = static_cast<const T*>(pass.matrix);
        const int64_t size = pass.n * pass.n;
        const int64_t first = int64_t{thread.block} * kThreads * kEach + thread.index;
        uint64_t most = 0;
        STEEPEST_UNROLL
        for (int k = 0; k < kEach; ++k) {
            const int64_t i = first + k * kThreads;
            const uint64_t bits = i < size ? magnitude_bits(x[i]) : 0;
            most = bits > most ? bits : most;
        }
        return most;
    }
};

// One thread: which update it will be.
struct Decide {
    using Pass = RankOnePass;
    static constexpr const char* kName = "stabilizer";
    static constexpr int kPhases = 1;
    using Shared = Nothing;

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared&) {
        if (thread.index == 0) decide(pass, *pass.state);
    }

  private:
    STEEPEST_HD static void decide(const Pass& pass, RankOneState& s) {
        const bool stabilizes = pass.stabilizer != STEEPEST_MKOR_NONE;
        s.largest = pass.has_known ? pass.known
                    : stabilizes   ? magnitude_of(pass, s.before)
                                   : __builtin_nan("");
        s.stabilized = stabilizes && !(s.largest <= pass.threshold);
        const int32_t stabilizer = s.stabilized ? pass.stabilizer : STEEPEST_MKOR_NONE;
        const double zeta = stabilizer == STEEPEST_MKOR_BLEND ? pass.zeta : 0;
        s.resets = stabilizer == STEEPEST_MKOR_RESET;
        s.reads_vector = !s.resets && stabilizer != STEEPEST_MKOR_SKIP;
        s.form = stabilizer == STEEPEST_MKOR_SKIP
                     ? curvature::Form{1 - pass.zeta, pass.zeta, 0, 0, 0, 0}
                     : curvature::form_of(pass.variant, pass.decay, 1 - zeta, zeta);
        s.applied = 1;
        s.denominator = 1;
        s.root = 0;
    }
};

// A warp for a block of a row of F, or of the image: its dot product with v.
struct Multiply {
    using Pass = RankOnePass;
    static constexpr const char* kName = "F v";
    static constexpr int kPhases = 2;
    struct Shared {
        double sum[kThreads];
    };

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        const int64_t number = int64_t{thread.block} * kWarps + thread.index / kWarp;
        if (!pass.state->reads_vector || number >= pass.n * pass.blocks) return;
        if constexpr (kPhase == 0)
            with_precision(pass, [&](auto* type) {
                using T = std::remove_pointer_t<decltype(type)>;
                const int64_t block = number % pass.blocks;
                const T* row = static_cast<const T*>(pass.matrix) + number / pass.blocks * pass.n;
                shared.sum[thread.index] = dot<T, T>(pass, row, block, thread.lane());
            });
        else if (thread.lane() == 0)
            pass.partial[number] = fold_lanes(shared.sum + thread.index, kWarp);
    }

    // The part of a thread in the product of a block of a row with v.
    template <class T, class V>
    STEEPEST_HD static STEEPEST_INLINE double dot(const Pass& pass, const T* row, int64_t block,
                                                  int32_t lane) {
        const int64_t first = block * kBlock;
        const int64_t n = pass.n - first < kBlock ? pass.n - first : kBlock;
        const T* x = row + first;
        const V* v = static_cast<const V*>(pass.vector) + first;
        double held[kHeld] = {};
        T a[16];
        V b[16];
        each_lane<kWarp>(
            n, lane, [&](int k, int64_t i) { a[k] = x[i], b[k] = v[i]; },
            [&](int to, int k, int64_t) {
                held[to] += static_cast<double>(a[k]) * static_cast<double>(b[k]);
            });
        return fold_mine(held);
    }
};

// A thread for an element of p F v + q v.
struct Combine {
    using Pass = RankOnePass;
    static constexpr const char* kName = "p F v + q v";
    static constexpr int kPhases = 1;
    using Shared = Nothing;

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared&) {
        const int64_t i = thread.global();
        if (!pass.state->reads_vector || i >= pass.n) return;
        const double product = fold_pairs(pass.partial + i * pass.blocks, pass.blocks);
        const double v = pass.is_f64
                             ? static_cast<const double*>(pass.vector)[i]
                             : static_cast<double>(static_cast<const float*>(pass.vector)[i]);
        pass.image[i] = pass.state->form.p * product + pass.state->form.q * v;
    }
};

// A warp for a block of v^T (p F v + q v).
struct Dot {
    using Pass = RankOnePass;
    static constexpr const char* kName = "denominator";
    static constexpr int kPhases = 2;
    using Shared = Multiply::Shared;

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        const int64_t block = int64_t{thread.block} * kWarps + thread.index / kWarp;
        if (!pass.state->reads_vector || block >= pass.blocks) return;
        if constexpr (kPhase == 0)
            with_precision(pass, [&](auto* type) {
                using T = std::remove_pointer_t<decltype(type)>;
                shared.sum[thread.index] =
                    Multiply::dot<double, T>(pass, pass.image, block, thread.lane());
            });
        else if (thread.lane() == 0)
            pass.dots[block] = fold_lanes(shared.sum + thread.index, kWarp);
    }
};

// t, once each CUDA block has made the denominator. Zeros where there is no rank-one term.
struct MakeTerm {
    using Pass = RankOnePass;
    static constexpr const char* kName = "rank-one term";
    static constexpr int kPhases = 2;
    struct Shared {
        double root;
    };

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        if constexpr (kPhase == 0) {
            if (thread.index == 0) shared.root = find_root(pass, thread.block == 0);
        } else {
            const int64_t i = thread.global();
            if (i >= pass.n) return;
            with_precision(pass, [&](auto* type) {
                using T = std::remove_pointer_t<decltype(type)>;
                static_cast<T*>(pass.term)[i] =
                    pass.state->reads_vector ? static_cast<T>(shared.root * pass.image[i]) : T(0);
            });
        }
    }

  private:
    STEEPEST_HD static double find_root(const Pass& pass, bool tells) {
        RankOneState& s = *pass.state;
        if (!s.reads_vector) return 0;
        PairSum sum;
        for (int64_t b = 0; b < pass.blocks; ++b) sum.add(pass.dots[b]);
        const double denominator = 1 + s.form.weight * sum.total();
        if (tells) {
            s.denominator = denominator;
            s.applied = denominator > 0 && denominator - denominator == 0;
        }
        return sqrt(absolute(s.form.numerator) / denominator);
    }
};

// A CUDA block for a run of a row of F.
struct WriteInverse {
    using Pass = RankOnePass;
    static constexpr const char* kName = "mkor_update";
    static constexpr int kPhases = 2;
    static constexpr int kEach = 8;  // elements of a thread
    using Shared = LargestOfBlock;

    // CUDA blocks for a row.
    STEEPEST_HD static int64_t runs(int64_t n) {
        return (n + kThreads * kEach - 1) / (kThreads * kEach);
    }

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        if (!pass.state->applied) return;
        if constexpr (kPhase == 0)
            with_precision(pass, [&](auto* type) {
                shared.found[thread.index] =
                    write<std::remove_pointer_t<decltype(type)>>(pass, thread);
            });
        else if (thread.index == 0)
            shared.into(&pass.state->after);
    }

  private:
    template <class T>
    STEEPEST_HD static STEEPEST_INLINE uint64_t write(const Pass& pass, const Thread& thread) {
        const RankOneState& s = *pass.state;
        const int64_t row = thread.block / runs(pass.n);
        const int64_t first = thread.block % runs(pass.n) * kThreads * kEach + thread.index;
        T* x = static_cast<T*>(pass.matrix) + row * pass.n;
        const T* term = static_cast<const T*>(pass.term);
        const T factor = s.form.numerator < 0 ? -term[row] : term[row];
        const T scale = static_cast<T>(s.form.scale), identity = static_cast<T>(s.form.identity);
        const bool resets = s.resets != 0;
        T raw[kEach] = {}, t[kEach] = {};
        STEEPEST_UNROLL
        for (int k = 0; k < kEach; ++k) {
            const int64_t j = first + k * kThreads;
            if (j < pass.n) raw[k] = x[j], t[k] = term[j];
        }
        uint64_t most = 0;
        STEEPEST_UNROLL
        for (int k = 0; k < kEach; ++k) {
            const int64_t j = first + k * kThreads;
            if (j >= pass.n) continue;
            T value = raw[k] * scale + t[k] * factor;
            if (j == row) value += identity;
            if (resets) value = j == row ? T(1) : T(0);
            x[j] = value;
            const uint64_t bits = magnitude_bits(value);
            most = bits > most ? bits : most;
        }
        return most;
    }
};

// One thread: what the caller gets to know.
struct TellResults {
    using Pass = RankOnePass;
    static constexpr const char* kName = "results of mkor_update";
    static constexpr int kPhases = 1;
    using Shared = Nothing;

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared&) {
        if (thread.index != 0) return;
        const RankOneState& s = *pass.state;
        pass.results[0] = s.applied ? magnitude_of(pass, s.after) : s.largest;
        pass.results[1] = s.denominator;
        pass.results[2] = s.stabilized;
        pass.results[3] = s.applied;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
