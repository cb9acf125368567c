// MARS: AdamW on a gradient whose variance is reduced by the last one.
#pragma once

#include "steps/rules/adam.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Mars : AdamCore<T> {
    // Five streams, and a correction in front of the moments.
    static constexpr int kMostBlocks = sizeof(T) == 8 ? 2 : 3;
    using Core = AdamCore<T>;

    static constexpr RuleSpec spec = {
        .name = "mars",
        .class_name = "MARS",
        .summary = "AdamW on a variance-reduced gradient.",
        .source =
            "Yuan et al., arXiv 2411.10438, algorithm 2 (MARS-AdamW): "
            "c = g + gamma beta1 / (1 - beta1) (g - g'), c /= max(1, ||c||) per tensor, then AdamW "
            "with c for g. g' is the last gradient (the approximate form; 0 change at the first "
            "step), or, with approximate=False, what last_grad holds: the gradient of the present "
            "batch at the last parameters",
        .decay = Decay::decoupled,
        .lr = 3e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg,
                   kExpAvgSq,
                   {.name = "last_grad",
                    .doc = "the gradient to compare with, in units of grads after grad_scale and "
                           "clipping; the approximate form keeps it"}},
        .hypers = {{.name = "betas",
                    .doc = kBetas.doc,
                    .value = {0.95, 0.99},
                    .length = 2,
                    .high = 1,
                    .high_open = true},
                   eps_hyper(1e-8),
                   {.name = "gamma", .doc = "strength of the variance reduction", .value = {0.025}},
                   {.name = "approximate",
                    .doc = "compare with the last step's gradient, which last_grad keeps",
                    .value = {1},
                    .type = HyperType::boolean}},
    };
    enum { kGamma = 3, kApproximate };

    struct Constants : Core::Constants {
        T change_size, scale;
        Mask<T> approximate, first;
    };

    static constexpr int kTerms = 1;

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta1 = in.hyper[Core::kBeta1];
        const double norm = in.sum ? sqrt(in.sum[0]) : 0;
        const bool approximate = in.hyper[kApproximate] != 0;
        return {Core::prepare(in), T(in.hyper[kGamma] * (beta1 / (1 - beta1))),
                T(norm <= 1 ? 1 : 1 / norm), all_bits<T>(approximate),
                all_bits<T>(approximate && in.step == 1)};
    }

    STEEPEST_HD static STEEPEST_INLINE T corrected(const Constants& c, T g, T last_grad) {
        return chosen(c.first, g, g + c.change_size * (g - last_grad));
    }

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T, T g, T, T, T last_grad,
                                                   double (&term)[kTerms]) {
        const double x = corrected(c, g, last_grad);
        term[0] = x * x;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq, T& last_grad) {
        const T x = c.scale * corrected(c, g, last_grad);
        const T m = Core::first_moment(c, x, exp_avg);
        const T v = Core::second_moment(c, x, exp_avg_sq);
        p = p - c.step_size * (m / Core::denominator(c, v));
        exp_avg = m;
        exp_avg_sq = v;
        last_grad = chosen(c.approximate, g, last_grad);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
