// AdamP: Adam without the part of a step that only changes the length of scale-invariant weights.
#pragma once

#include "steps/rules/adam.h"
#include "steps/rules/projection.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AdamP : AdamCore<T> {
    using Core = AdamCore<T>;

    static constexpr RuleSpec spec = {
        .name = "adamp",
        .class_name = "AdamP",
        .summary = "AdamW whose step is projected where weights are scale-invariant.",
        .source =
            "Heo et al., arXiv 2006.08217, algorithm 2, in the form of the authors' code: "
            "u = m / (1 - beta1^t) / (sqrt(vhat) + eps); where the cosine of g and p is below "
            "delta / sqrt(length) in every row (index of the first axis), or else in the whole "
            "tensor, u loses in each row, or in the tensor, its part along p; then "
            "p *= 1 - lr weight_decay, times wd_ratio where u was projected, and p -= lr u. "
            "nesterov: beta1 m + (1 - beta1) g for m. Tensors of fewer than two dimensions are "
            "not projected",
        .decay = Decay::own,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg, kExpAvgSq},
        .hypers = {kBetas,
                   eps_hyper(1e-8),
                   kDelta,
                   kWdRatio,
                   {.name = "nesterov",
                    .doc = "use Nesterov momentum",
                    .value = {0},
                    .type = HyperType::boolean}},
    };
    enum { kDeltaAt = 3, kWdRatioAt, kNesterov };

    using View = Projection<T>;
    static constexpr int kRowTerms = View::kRowTerms;
    static constexpr int kTerms = View::kTerms;

    struct Constants : Core::Constants {
        T keep;              // of the parameter
        T ahead_g, ahead_m;  // direction = ahead_g g + ahead_m m
        Projection<T> view;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const bool nesterov = in.hyper[kNesterov] != 0;
        const double beta1 = in.hyper[Core::kBeta1];
        const View view = View::prepare(in, in.hyper[kDeltaAt], in.hyper[Core::kEps]);
        const double decay = in.weight_decay * (view.is_projected() ? in.hyper[kWdRatioAt] : 1);
        return {Core::prepare(in), T(1 - in.lr * decay), nesterov ? T(1 - beta1) : T(0),
                nesterov ? T(beta1) : T(1), view};
    }

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T p, T g, T exp_avg,
                                                   T exp_avg_sq, double (&term)[kRowTerms]) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, g, exp_avg_sq);
        View::element(p, g, direction(c, g, m, v), term);
    }

    STEEPEST_HD static STEEPEST_INLINE void row_terms(const Constants& c,
                                                      const double (&row)[kRowTerms],
                                                      double (&term)[kTerms]) {
        c.view.row_terms(row, term);
    }

    STEEPEST_HD static STEEPEST_INLINE T row_value(const Constants& c,
                                                   const double (&row)[kRowTerms]) {
        return c.view.row_value(row);
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq, T along) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, g, exp_avg_sq);
        const T u = View::projected(direction(c, g, m, v), p, along);
        p = p * c.keep - c.step_size * u;
        exp_avg = m;
        exp_avg_sq = v;
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE T direction(const Constants& c, T g, T m, T v) {
        const T ahead = c.ahead_g * g + c.ahead_m * m;  // not read under a condition: vectors
        return (c.ahead_g != 0 ? ahead : m) / Core::denominator(c, v);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
