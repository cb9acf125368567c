// AdEMAMix: AdamW with a second, much slower momentum beside the first.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AdEmaMix {
    enum { kBeta1, kBeta2, kBeta3, kEps, kAlpha, kAlphaWarmup, kBeta3Warmup };

    static constexpr RuleSpec spec = {
        .name = "ademamix",
        .class_name = "AdEMAMix",
        .summary = "AdamW with a mix of a fast and a slow moving average of the gradient.",
        .source =
            "Pagliardini, Ablin & Grangier, arXiv 2409.03137, algorithm 1: p -= lr (m1hat + "
            "alpha_t m2) / (sqrt(vhat) + eps), m2 decaying at beta3_t; over its warm-up alpha_t "
            "rises linearly from 0, and beta3_t from betas[0] so that its half-life rises "
            "linearly (eq. 'theta': the exponential of ln b1 ln b3 / ((1 - s) ln b3 + s ln b1), "
            "s the share of the warm-up, without the 1e-8 that the authors' code adds to betas)",
        .decay = Decay::decoupled,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {{.name = "exp_avg_slow", .doc = "slow moving average of the gradient"},
                   kExpAvgSq,
                   {.name = "exp_avg",
                    .doc = "fast moving average of the gradient; left out when betas[0] is 0",
                    .optional = true,
                    .needed_by = kBeta1}},
        .hypers = {{.name = "betas",
                    .doc = "decay rates of the fast moment, the second moment, the slow moment",
                    .value = {0.9, 0.999, 0.9999},
                    .length = 3,
                    .high = 1,
                    .high_open = true},
                   eps_hyper(1e-8),
                   {.name = "alpha", .doc = "weight of the slow moment", .value = {5}},
                   {.name = "alpha_warmup",
                    .doc = "steps over which alpha rises from 0; 0: none",
                    .value = {0}},
                   {.name = "beta3_warmup",
                    .doc = "steps over which the slow decay rate rises from betas[0]; 0: none",
                    .value = {0}}},
    };

    struct Constants {
        T beta1, gain1, beta2, gain2, beta3, gain3;
        T fast_size, slow_size, correction, eps;
    };

    // The part of a warm-up that is done.
    STEEPEST_HD static double progress(int64_t step, double warmup) {
        const double t = static_cast<double>(step);
        return t < warmup ? t / warmup : 1;
    }

    STEEPEST_HD static double slow_decay(double beta1, double beta3, double done) {
        if (done == 1 || beta3 == 0) return beta3;
        double inverse = done / log(beta3);
        if (beta1 > 0) inverse = (1 - done) / log(beta1) + inverse;
        return exp(1 / inverse);
    }

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta1 = in.hyper[kBeta1];
        const double beta2 = in.hyper[kBeta2];
        const double beta3 =
            slow_decay(beta1, in.hyper[kBeta3], progress(in.step, in.hyper[kBeta3Warmup]));
        const double alpha = in.hyper[kAlpha] * progress(in.step, in.hyper[kAlphaWarmup]);
        return {.beta1 = T(beta1),
                .gain1 = T(1 - beta1),
                .beta2 = T(beta2),
                .gain2 = T(1 - beta2),
                .beta3 = T(beta3),
                .gain3 = T(1 - beta3),
                .fast_size = T(in.lr / (1 - power(beta1, in.step))),
                .slow_size = T(in.lr * alpha),
                .correction = T(1 / sqrt(1 - power(beta2, in.step))),
                .eps = T(in.hyper[kEps])};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg_slow,
                                                  T& exp_avg_sq, T& exp_avg) {
        const T fast = c.beta1 != 0 ? c.beta1 * exp_avg + c.gain1 * g : g;
        const T slow = c.beta3 * exp_avg_slow + c.gain3 * g;
        const T v = c.beta2 * exp_avg_sq + c.gain2 * (g * g);
        p = p - (c.fast_size * fast + c.slow_size * slow) / (sqrt(v) * c.correction + c.eps);
        exp_avg_slow = slow;
        exp_avg_sq = v;
        exp_avg = fast;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
