// The loops over elements. Included once by each file in targets/, which sets the target and its
// flags.
#pragma once

#include "core/codecs/bf16.h"
#include "core/codecs/f16.h"
#include "core/philox.h"
#include "core/reduce.h"
#include "steps/codec_tiles.h"
#include "steps/job.h"
#include "steps/rules/all.h"
#include "steps/short_rows.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <bool Staged, class T>
STEEPEST_INLINE T gradient_of(const Stage<T>& s, T g, T p) {
    return Staged ? staged_gradient(s, g, p) : g;
}

// Streams never overlap (the callers check), which is what lets the compiler use vectors; so do the
// copies of constants and stage, without which an operand of ?: in them would be a load that may
// fail. With Masked the update decides over the decay, as `masked_keep` says.
template <class R, bool Staged, bool Masked, class T, class... State>
void apply_loop(const typename R::Constants& constants, const Stage<T>& given, int64_t n,
                T* __restrict param, const T* __restrict grad, State* __restrict... state) {
    const typename R::Constants c = constants;
    const Stage<T> stage = given;
    for (int64_t i = 0; i < n; ++i) {
        const T p = param[i];
        const T g = gradient_of<Staged>(stage, grad[i], p);
        T next = Masked ? kOnlyUpdate<T> : p * stage.keep;
        R::apply(c, next, g, state[i]...);
        param[i] = Masked ? decayed_step(p, next, stage.keep, stage.masked_keep) : next;
    }
}

// Adds at most kLanes elements to the lanes of each term.
template <class R, bool Staged, class T, class... State>
STEEPEST_INLINE void reduce_row(const typename R::Constants& c, const Stage<T>& stage, int n,
                                double* __restrict lanes, const T* __restrict param,
                                const T* __restrict grad, const State* __restrict... state) {
    for (int l = 0; l < n; ++l) {
        double term[count_reduced<R>()];
        R::reduce(c, param[l], gradient_of<Staged>(stage, grad[l], param[l]), state[l]..., term);
        for (int k = 0; k < count_reduced<R>(); ++k) lanes[k * kLanes + l] += term[k];
    }
}

// Adds n elements to the lanes of each term; n is a multiple of kLanes except at the end of a
// block. Walking the elements in order matters: several rows at a time are more streams than the
// processor's prefetcher follows, and cost a third of the speed.
template <class R, bool Staged, class T, class... State>
void reduce_loop(const typename R::Constants& c, const Stage<T>& stage, int64_t n, double* lanes,
                 const T* param, const T* grad, const State*... state) {
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes)
        reduce_row<R, Staged>(c, stage, kLanes, lanes, param + i, grad + i, (state + i)...);
    reduce_row<R, Staged>(c, stage, static_cast<int>(n - i), lanes, param + i, grad + i,
                          (state + i)...);
}

// The positions of states.
template <int... State>
struct Positions {};

template <int n>
constexpr auto positions() {
    static_assert(n >= 0 && n <= 4);
    if constexpr (n == 0) return Positions<>{};
    if constexpr (n == 1) return Positions<0>{};
    if constexpr (n == 2) return Positions<0, 1>{};
    if constexpr (n == 3) return Positions<0, 1, 2>{};
    if constexpr (n == 4) return Positions<0, 1, 2, 3>{};
}

// The kernels of rule R in precision T.
template <class R, class T>
struct Entry {
    static constexpr int kStates = count_passed(R::spec);
    static constexpr auto kStateList = positions<kStates>();
    static constexpr auto kApplied = positions<kStates + kHasRows<R>>();  // and the rows' values

    template <bool Staged>
    static void apply(const void* constants, const void* stage, void* const* s, int64_t n) {
        if constexpr (requires { typename R::Usual; })
            if (R::Usual::fits(*static_cast<const typename R::Constants*>(constants)))
                return apply_as<typename R::Usual, Staged>(kApplied, constants, stage, s, n);
        apply_as<R, Staged>(kApplied, constants, stage, s, n);
    }

    template <class Rule, bool Staged, int... State>
    static void apply_as(Positions<State...>, const void* constants, const void* stage,
                         void* const* s, int64_t n) {
        constexpr bool kMasked = Staged && R::spec.decay != Decay::own;
        apply_loop<Rule, Staged, kMasked>(*static_cast<const typename R::Constants*>(constants),
                                          *static_cast<const Stage<T>*>(stage), n,
                                          static_cast<T*>(s[0]), static_cast<const T*>(s[1]),
                                          static_cast<T*>(s[2 + State])...);
    }

    template <bool Staged>
    static void reduce(const void* constants, const void* stage, void* const* s, int64_t n,
                       double* lanes) {
        if constexpr (requires(const typename R::Constants& c) { R::needs_sums(c); })
            if (!R::needs_sums(*static_cast<const typename R::Constants*>(constants))) return;
        reduce_states<Staged>(kStateList, constants, stage, s, n, lanes);
    }

    template <bool Staged, int... State>
    static void reduce_states(Positions<State...>, const void* constants, const void* stage,
                              void* const* s, int64_t n, double* lanes) {
        reduce_loop<R, Staged>(*static_cast<const typename R::Constants*>(constants),
                               *static_cast<const Stage<T>*>(stage), n, lanes,
                               static_cast<const T*>(s[0]), static_cast<const T*>(s[1]),
                               static_cast<const T*>(s[2 + State])...);
    }

    // Adds the axis terms of one row to the lanes of its sum and to the sums of the columns.
    static void axis(const void* gradient, int64_t n, double* __restrict lanes,
                     double* __restrict columns) {
        const T* __restrict g = static_cast<const T*>(gradient);
        for (int64_t i = 0; i < n; i += kLanes) {
            const int64_t m = n - i < kLanes ? n - i : kLanes;
            for (int64_t l = 0; l < m; ++l) {
                const double term = R::axis_term(g[i + l]);
                lanes[l] += term;
                columns[i + l] += term;
            }
        }
    }

    // The same for kLinesTogether rows, whose lanes lie one after the other.
    static void axis_lines(const void* const* gradients, int64_t n, double* __restrict lanes,
                           double* __restrict columns) {
        static_assert(kLinesTogether == 4);
        const T* __restrict a = static_cast<const T*>(gradients[0]);
        const T* __restrict b = static_cast<const T*>(gradients[1]);
        const T* __restrict c = static_cast<const T*>(gradients[2]);
        const T* __restrict d = static_cast<const T*>(gradients[3]);
        for (int64_t i = 0; i < n; i += kLanes) {
            const int64_t m = n - i < kLanes ? n - i : kLanes;
            for (int64_t l = 0; l < m; ++l) {
                const double term[] = {R::axis_term(a[i + l]), R::axis_term(b[i + l]),
                                       R::axis_term(c[i + l]), R::axis_term(d[i + l])};
                lanes[l] += term[0];
                lanes[kLanes + l] += term[1];
                lanes[2 * kLanes + l] += term[2];
                lanes[3 * kLanes + l] += term[3];
                columns[i + l] = columns[i + l] + term[0] + term[1] + term[2] + term[3];
            }
        }
    }

    // Takes the axis terms of one row into the lanes of its maximum and the maxima of the columns.
    static void axis_maxima(const void* gradient, const void* row, const void* column, int64_t n,
                            double* __restrict lanes, double* __restrict columns) {
        const T* __restrict g = static_cast<const T*>(gradient);
        const T* __restrict r = static_cast<const T*>(row);
        const T* __restrict c = static_cast<const T*>(column);
        for (int64_t i = 0; i < n; i += kLanes) {
            const int64_t m = n - i < kLanes ? n - i : kLanes;
            for (int64_t l = 0; l < m; ++l) {
                const double term = R::axis_maximum(g[i + l], r[i + l], c[i + l]);
                lanes[l] = maximum(lanes[l], term);
                columns[i + l] = maximum(columns[i + l], term);
            }
        }
    }

    static STEEPEST_INLINE void take_maxima(const T* __restrict g, T row,
                                            const T* __restrict column, int n, T* __restrict most,
                                            T* __restrict across) {
        for (int l = 0; l < n; ++l) {
            const T term = R::axis_maximum(g[l], row, column[l]);
            most[l] = maximum(most[l], term);
            across[l] = maximum(across[l], term);
        }
    }

    // The same for kLinesTogether rows, whose values and lanes lie one after the other. Maxima need
    // no order, and none is rounded: they are taken in T and widened at the end.
    static void axis_maxima_lines(const void* const* gradients, const void* rows,
                                  const void* column, int64_t n, double* __restrict lanes,
                                  double* __restrict columns) {
        const T* r = static_cast<const T*>(rows);
        const T* c = static_cast<const T*>(column);
        alignas(64) T most[kLinesTogether][kLanes] = {};
        for (int64_t i = 0; i < n; i += kLanes) {
            const int64_t m = n - i < kLanes ? n - i : kLanes;
            alignas(64) T across[kLanes] = {};
            for (int k = 0; k < kLinesTogether; ++k)
                take_maxima(static_cast<const T*>(gradients[k]) + i, r[k], c + i,
                            static_cast<int>(m), most[k], across);
            for (int64_t l = 0; l < m; ++l)
                columns[i + l] = maximum(columns[i + l], static_cast<double>(across[l]));
        }
        for (int k = 0; k < kLinesTogether; ++k)
            for (int l = 0; l < kLanes; ++l)
                lanes[k * kLanes + l] =
                    maximum(lanes[k * kLanes + l], static_cast<double>(most[k][l]));
    }

    static constexpr RuleKernels kernels() {
        static_assert(sizeof(typename R::Constants) <= kMaxConstants);
        RuleKernels k = {.apply = {apply<false>, apply<true>},
                         .reduce = {nullptr, nullptr},
                         .axis = nullptr,
                         .axis_lines = nullptr,
                         .axis_maxima = nullptr,
                         .axis_maxima_lines = nullptr};
        if constexpr (requires { R::kTerms; }) {
            k.reduce[0] = reduce<false>;
            k.reduce[1] = reduce<true>;
        }
        if constexpr (requires { R::axis_term(T(0)); }) {
            k.axis = axis;
            k.axis_lines = axis_lines;
        }
        if constexpr (requires { R::axis_maximum(T(0), T(0), T(0)); }) {
            k.axis_maxima = axis_maxima;
            k.axis_maxima_lines = axis_maxima_lines;
        }
        return k;
    }
};

template <class T>
void stage_loop(const void* stage, const void* param, const void* grad, void* out, int64_t n) {
    const Stage<T>& s = *static_cast<const Stage<T>*>(stage);
    const T* __restrict p = static_cast<const T*>(param);
    const T* __restrict g = static_cast<const T*>(grad);
    T* __restrict to = static_cast<T*>(out);
    for (int64_t i = 0; i < n; ++i) to[i] = staged_gradient(s, g[i], p[i]);
}

// Adds squares to the lanes, and counts of non-finite elements to those behind them: squares of
// floats cannot overflow a double, those of doubles can.
template <class T>
STEEPEST_INLINE void squares_row(const T* __restrict x, int n, double* __restrict lanes) {
    for (int l = 0; l < n; ++l) {
        const double v = x[l];
        lanes[l] += v * v;
        if constexpr (sizeof(T) == 8) lanes[kLanes + l] += v - v == 0 ? 0.0 : 1.0;
    }
}

template <class T>
void squares_loop(const void* values, int64_t n, double* lanes) {
    const T* x = static_cast<const T*>(values);
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) squares_row(x + i, kLanes, lanes);
    squares_row(x + i, static_cast<int>(n - i), lanes);
}

template <template <class> class... Rule>
constexpr StepKernels make_kernels(RuleList<Rule...>) {
    static_assert(sizeof...(Rule) <= kMaxRules);
    return {
        .rule = {{Entry<Rule<float>, float>::kernels(), Entry<Rule<double>, double>::kernels()}...},
        .stage = {stage_loop<float>, stage_loop<double>},
        .squares = {squares_loop<float>, squares_loop<double>},
        .sum_rows = fold_rows<Sum>,
        .largest_rows = fold_rows<Largest>,
        .load = {nullptr, nullptr, load_tile<Bf16>, load_tile<F16>},
        .store = {store_plain, nullptr, store_nearest<Bf16>, store_nearest<F16>},
        .store_randomly = {nullptr, nullptr, store_stochastic<Bf16>, store_stochastic<F16>}};
}

const StepKernels& step_kernels() {
    static constexpr StepKernels kernels = make_kernels(Rules{});
    return kernels;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
