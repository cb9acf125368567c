// ADOPT: the gradient over the second moment of those before it, and then the momentum.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Adopt {
    enum { kBeta1, kBeta2, kEps, kClip };
    static constexpr int kMostBlocks = sizeof(T) == 8 ? 2 : 4;

    static constexpr RuleSpec spec = {
        .name = "adopt",
        .class_name = "ADOPT",
        .summary = "Adam that converges with any beta2.",
        .source =
            "Taniguchi et al., arXiv 2411.02853, algorithm 2: v is the first g^2, and from the "
            "second step on u = clip(g / max(sqrt(v), eps), (t - 1)^(1/4)), m = beta1 m + "
            "(1 - beta1) u, p -= lr m, then v = beta2 v + (1 - beta2) g^2. Decoupled weight decay "
            "acts at the first step too",
        .decay = Decay::l2,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {{.name = "exp_avg", .doc = "moving average of the normalised gradient"},
                   kExpAvgSq},
        .hypers = {{.name = "betas",
                    .doc = kBetas.doc,
                    .value = {0.9, 0.9999},
                    .length = 2,
                    .high = 1,
                    .high_open = true},
                   {.name = "eps", .doc = "the least denominator", .value = {1e-6}},
                   {.name = "clip",
                    .doc = "clip the normalised gradient",
                    .value = {1},
                    .type = HyperType::boolean}},
    };

    struct Constants {
        T beta1, gain1, beta2, gain2, eps, bound, lr;
        Mask<T> first;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta1 = in.hyper[kBeta1];
        const double beta2 = in.hyper[kBeta2];
        const double bound = sqrt(sqrt(static_cast<double>(in.step - 1)));
        return {.beta1 = T(beta1),
                .gain1 = T(1 - beta1),
                .beta2 = T(beta2),
                .gain2 = T(1 - beta2),
                .eps = T(in.hyper[kEps]),
                .bound = in.hyper[kClip] != 0 ? T(bound) : T(__builtin_inf()),
                .lr = T(in.lr),
                .first = all_bits<T>(in.step == 1)};
    }

    STEEPEST_HD static STEEPEST_INLINE T clipped(T x, T bound) {
        const T below = x > bound ? bound : x;
        return below < -bound ? -bound : below;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq) {
        const T u = clipped(g / maximum(sqrt(exp_avg_sq), c.eps), c.bound);
        const T m = c.beta1 * exp_avg + c.gain1 * u;
        const T square = g * g;
        p = chosen(c.first, p, p - c.lr * m);
        exp_avg = chosen(c.first, exp_avg, m);
        exp_avg_sq = chosen(c.first, square, c.beta2 * exp_avg_sq + c.gain2 * square);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
