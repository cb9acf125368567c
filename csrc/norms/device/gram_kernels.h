// The kernels of a Gram iteration beside its products: powers of two for the iterates, the lower
// bound's vector v with the lengths of v and G v, and sums of magnitudes. All sums are in double;
// their error bounds (norms/outward.h) hold for any order.
#pragma once

#include "core/math.h"
#include "norms/device/gram_pass.h"
#include "steps/device/backend.h"
#include "steps/device/phases.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// Calls f with a null pointer of the type that the iterates are stored as.
template <class F>
STEEPEST_HD STEEPEST_INLINE void with_iterate(const GramPass& pass, F&& f) {
    if (pass.from.matrix.type == polar::Type::f64)
        f(static_cast<double*>(nullptr));
    else
        f(static_cast<float*>(nullptr));
}

template <class T>
STEEPEST_HD STEEPEST_INLINE const T* row_of(const polar::Batch& b, int64_t matrix, int64_t i) {
    return static_cast<const T*>(b.matrix.data) + matrix * b.stride + i * b.matrix.ld;
}

// Iterates times their powers of two, one behind the other in `to`. A thread has some elements of
// an iterate, what lies between its rows among them.
struct ScaleIterates {
    using Pass = GramPass;
    static constexpr const char* kName = "scaling of iterates";
    static constexpr int kPhases = 1;
    static constexpr int kEach = 8;  // elements of a thread
    using Shared = Nothing;

    // CUDA blocks for an iterate.
    STEEPEST_HD static int64_t blocks(const Pass& pass) {
        return (pass.from.stride + kThreads * kEach - 1) / (kThreads * kEach);
    }

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared&) {
        with_iterate(pass, [&]<class T>(T*) { scale<T>(pass, thread); });
    }

  private:
    template <class T>
    STEEPEST_HD static STEEPEST_INLINE void scale(const Pass& pass, const Thread& thread) {
        const int64_t each = blocks(pass), k = thread.block / each;
        const GramMember member = pass.members[k];
        const T* from = row_of<T>(pass.from, member.from, 0);
        T* to = static_cast<T*>(pass.to.matrix.data) + k * pass.to.stride;
        const T factor = static_cast<T>(member.factor);
        const int64_t first = thread.block % each * kThreads * kEach + thread.index;
        T x[kEach];
        STEEPEST_UNROLL
        for (int e = 0; e < kEach; ++e) {
            const int64_t i = first + e * kThreads;
            x[e] = i < pass.from.stride ? from[i] : T{0};
        }
        STEEPEST_UNROLL
        for (int e = 0; e < kEach; ++e) {
            const int64_t i = first + e * kThreads;
            if (i < pass.from.stride) to[i] = factor * x[e];
        }
    }
};

// A CUDA block for a member, whose iterate is the one at its place in `from`: v is the column with
// the largest diagonal element, the first of these.
struct PickColumn {
    using Pass = GramPass;
    static constexpr const char* kName = "dominant column";
    static constexpr int kPhases = 3;
    struct Shared {
        double value[kThreads];
        int64_t index[kThreads];
        int64_t best;
    };

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        if constexpr (kPhase == 0)
            with_iterate(pass, [&]<class T>(T*) { look<T>(pass, thread, shared); });
        else if constexpr (kPhase == 2)
            with_iterate(pass, [&]<class T>(T*) { copy<T>(pass, thread, shared.best); });
        else if (thread.index == 0)
            shared.best = best_of(shared);
    }

  private:
    template <class T>
    STEEPEST_HD static STEEPEST_INLINE void look(const Pass& pass, const Thread& thread,
                                                 Shared& shared) {
        const int64_t n = pass.from.matrix.rows;
        double most = -1;
        int64_t index = 0;
        for (int64_t i = thread.index; i < n; i += kThreads) {
            const double x = static_cast<double>(row_of<T>(pass.from, thread.block, i)[i]);
            index = x > most ? i : index;
            most = x > most ? x : most;
        }
        shared.value[thread.index] = most;
        shared.index[thread.index] = index;
    }

    STEEPEST_HD static int64_t best_of(const Shared& shared) {
        int best = 0;
        for (int t = 1; t < kThreads; ++t) {
            const bool is_first =
                shared.value[t] == shared.value[best] && shared.index[t] < shared.index[best];
            if (shared.value[t] > shared.value[best] || is_first) best = t;
        }
        return shared.index[best];
    }

    // The row, which is the column.
    template <class T>
    STEEPEST_HD static STEEPEST_INLINE void copy(const Pass& pass, const Thread& thread,
                                                 int64_t best) {
        const int64_t n = pass.from.matrix.rows;
        const T* row = row_of<T>(pass.from, thread.block, best);
        double* to = pass.vectors + thread.block * n;
        for (int64_t j = thread.index; j < n; j += kThreads) to[j] = static_cast<double>(row[j]);
    }
};

// A warp for a row of the Gram matrix of a member: the row times v, or the sum of its magnitudes.
template <bool kMagnitudes>
struct SumGramRows {
    using Pass = GramPass;
    static constexpr const char* kName = kMagnitudes ? "row sums of |G|" : "G v";
    static constexpr int kPhases = 2;
    struct Shared {
        double sum[kThreads];
    };

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        const int64_t n = pass.gram.matrix.rows;
        const int64_t line = int64_t{thread.block} * kWarps + thread.index / kWarp;
        if (line >= pass.count * n) return;
        if constexpr (kPhase == 0)
            with_iterate(pass, [&]<class T>(T*) {
                shared.sum[thread.index] = part<T>(pass, line / n, line % n, thread.lane());
            });
        else if (thread.lane() == 0)
            pass.images[line] = fold_lanes(shared.sum + thread.index, kWarp);
    }

  private:
    template <class T>
    STEEPEST_HD static STEEPEST_INLINE double part(const Pass& pass, int64_t k, int64_t i,
                                                   int32_t lane) {
        const int64_t n = pass.gram.matrix.rows;
        const T* row = row_of<T>(pass.gram, pass.members[k].index, i);
        const double* v = pass.vectors + k * n;
        double sum = 0;
        for (int64_t j = lane; j < n; j += kWarp) {
            const auto x = static_cast<double>(row[j]);
            sum += kMagnitudes ? absolute(x) : x * v[j];
        }
        return sum;
    }
};

// A CUDA block for a member.
struct SumLengths {
    using Pass = GramPass;
    static constexpr const char* kName = "lengths of v and G v";
    static constexpr int kPhases = 2;
    struct Shared {
        double vector[kThreads], image[kThreads];
    };

    template <int kPhase>
    STEEPEST_HD static void run(const Pass& pass, const Thread& thread, Shared& shared) {
        const int64_t n = pass.gram.matrix.rows;
        if constexpr (kPhase == 0) {
            shared.vector[thread.index] = squares(pass.vectors + thread.block * n, n, thread.index);
            shared.image[thread.index] = squares(pass.images + thread.block * n, n, thread.index);
        } else if (thread.index == 0) {
            pass.lengths[thread.block] = {fold_lanes(shared.vector, kThreads),
                                          fold_lanes(shared.image, kThreads)};
        }
    }

  private:
    STEEPEST_HD static double squares(const double* x, int64_t n, int32_t first) {
        double sum = 0;
        for (int64_t j = first; j < n; j += kThreads) sum += x[j] * x[j];
        return sum;
    }
};

// The table of a backend: how it runs each kernel.
template <class Backend>
const GramRuns& gram_runs_of() {
    static constexpr GramRuns runs = {.scale = Backend::template run<ScaleIterates>,
                                      .pick = Backend::template run<PickColumn>,
                                      .multiply = Backend::template run<SumGramRows<false>>,
                                      .magnitudes = Backend::template run<SumGramRows<true>>,
                                      .lengths = Backend::template run<SumLengths>};
    return runs;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
