// Adan: adaptive Nesterov momentum, from the gradient and its change since the last step.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Adan {
    enum { kBeta1, kBeta2, kBeta3, kEps, kNoProx };
    static constexpr int kMostBlocks = 3;  // six streams and more constants than registers

    static constexpr RuleSpec spec = {
        .name = "adan",
        .class_name = "Adan",
        .summary = "Adaptive Nesterov momentum.",
        .source =
            "Xie et al., arXiv 2208.06677, algorithm 1, with the authors' bias corrections and "
            "their betas, which are the shares kept (1 - beta of the paper): m, d and n average g, "
            "g - g' and (g + beta2 (g - g'))^2, g' being the last gradient, "
            "p -= lr (mhat + beta2 dhat) / (sqrt(nhat) + eps), then p /= 1 + lr weight_decay, or, "
            "with no_prox, p *= 1 - lr weight_decay before",
        .decay = Decay::own,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg,
                   {.name = "exp_avg_diff", .doc = "moving average of the gradient's change"},
                   {.name = "exp_avg_sq",
                    .doc = "moving average of the square of the gradient ahead"},
                   {.name = "last_grad", .doc = "the last gradient; the first step sets it"}},
        .hypers = {{.name = "betas",
                    .doc = "decay rates of the averages of gradient, change and square",
                    .value = {0.98, 0.92, 0.99},
                    .length = 3,
                    .high = 1,
                    .high_open = true},
                   eps_hyper(1e-8),
                   {.name = "no_prox",
                    .doc = "decay as AdamW does instead of by the proximal step",
                    .value = {0},
                    .type = HyperType::boolean}},
    };

    struct Constants {
        T beta1, gain1, beta2, gain2, beta3, gain3;
        T moment_size, change_size, correction, eps;
        T keep, divisor;  // p keep before, p / divisor after
        T first;          // 1 or 0: a bool would stop the vectoriser
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta1 = in.hyper[kBeta1];
        const double beta2 = in.hyper[kBeta2];
        const double beta3 = in.hyper[kBeta3];
        const double decay = in.lr * in.weight_decay;
        const bool no_prox = in.hyper[kNoProx] != 0;
        return {.beta1 = T(beta1),
                .gain1 = T(1 - beta1),
                .beta2 = T(beta2),
                .gain2 = T(1 - beta2),
                .beta3 = T(beta3),
                .gain3 = T(1 - beta3),
                .moment_size = T(in.lr / (1 - power(beta1, in.step))),
                .change_size = T(in.lr * beta2 / (1 - power(beta2, in.step))),
                .correction = T(1 / sqrt(1 - power(beta3, in.step))),
                .eps = T(in.hyper[kEps]),
                .keep = no_prox ? T(1 - decay) : T(1),
                .divisor = no_prox ? T(1) : T(1 + decay),
                .first = T(in.step == 1)};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_diff, T& exp_avg_sq, T& last_grad) {
        const T change = c.first != 0 ? T(0) : g - last_grad;
        const T ahead = g + c.beta2 * change;
        const T m = c.beta1 * exp_avg + c.gain1 * g;
        const T d = c.beta2 * exp_avg_diff + c.gain2 * change;
        const T n = c.beta3 * exp_avg_sq + c.gain3 * (ahead * ahead);
        const T denominator = sqrt(n) * c.correction + c.eps;
        p = (p * c.keep - (c.moment_size * m + c.change_size * d) / denominator) / c.divisor;
        exp_avg = m;
        exp_avg_diff = d;
        exp_avg_sq = n;
        last_grad = g;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
