// C-AdamW: AdamW that moves only where momentum and gradient agree in sign.
#pragma once

#include "steps/rules/adam.h"
#include "steps/rules/cautious.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct CAdamW : AdamCore<T> {
    using Core = AdamCore<T>;

    static constexpr RuleSpec spec = {
        .name = "c_adamw",
        .class_name = "CAdamW",
        .summary = "Cautious AdamW.",
        .source =
            "Liang et al., arXiv 2411.16085, algorithm 2: AdamW with the update masked by "
            "m g > 0 and rescaled per tensor",
        .decay = Decay::decoupled,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg, kExpAvgSq},
        .hypers = {kBetas, eps_hyper(1e-6), kMaskNorm, kMaskEps},
    };
    enum { kBeta1, kBeta2, kEps, kNorm, kNormEps };

    struct Constants : Core::Constants {
        T masked_step_size;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double scale =
            in.sum ? mask_scale(in.sum[0], in.count, in.hyper[kNorm], in.hyper[kNormEps]) : 0;
        const double step_size = in.lr / (1 - power(in.hyper[kBeta1], in.step));
        return {Core::prepare(in), T(step_size * scale)};
    }

    static constexpr int kTerms = 1;

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T, T g, T exp_avg, T,
                                                   double (&term)[kTerms]) {
        term[0] = agrees(Core::first_moment(c, g, exp_avg), g) ? 1 : 0;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, g, exp_avg_sq);
        const T update = c.masked_step_size * (m / Core::denominator(c, v));
        p = p - masked(m, update, g);
        exp_avg = m;
        exp_avg_sq = v;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
