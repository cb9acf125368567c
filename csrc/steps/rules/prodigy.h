// Prodigy: Adam at a rate that follows an estimate of the distance to the solution.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Prodigy {
    enum { kBeta1, kBeta2, kBeta3, kEps, kDistance, kNextDistance, kD0, kSafeguard };

    static constexpr RuleSpec spec = {
        .name = "prodigy",
        .class_name = "",
        .summary = "Adam in units of an estimated distance to the solution.",
        .source =
            "Mishchenko & Defazio, arXiv 2306.06101, section 5 (with Adam's steps), in the form of "
            "the authors' code: with (d, e) = distance and lr = d times the learning rate, "
            "m = beta1 m + (1 - beta1) d g, v = beta2 v + (1 - beta2) d^2 g^2, "
            "s = beta3 s + d lr / d0 g, p -= lr m / (sqrt(v) + e eps). The sums over the list are "
            "<g, p0 - p> and ||s||_1 of the new s, from which e is made: r = beta3 r + d lr / d0 "
            "<g, p0 - p>, "
            "e = max(d, r / ||s||_1). The paper has d for e, and (1 - beta3) d0 for 1 / d0, which "
            "cancels",
        .decay = Decay::decoupled,
        .lr = 1e-6,
        .weight_decay = 0,
        .needs_step = false,
        .states = {kExpAvg,
                   kExpAvgSq,
                   {.name = "s",
                    .doc = "weighted sum of the gradients; left out, it is neither kept nor summed",
                    .optional = true},
                   {.name = "p0",
                    .doc = "the parameter before its first step, which only the sums read",
                    .optional = true,
                    .only_summed = true}},
        .hypers = {kBetas,
                   {.name = "beta3",
                    .doc = "decay rate of s; None: the root of betas[1]",
                    .value = {__builtin_nan("")},
                    .high = 1,
                    .high_open = true,
                    .none_allowed = true},
                   eps_hyper(1e-8),
                   {.name = "distance",
                    .doc = "the estimate before this step, and the one that eps is scaled by",
                    .value = {1e-6, 1e-6},
                    .length = 2,
                    .low = 0x1p-126,
                    .high = 0x1p127},
                   {.name = "d0",
                    .doc = "the first estimate, in units of which s is kept",
                    .value = {1e-6},
                    .low = 0x1p-126,
                    .high = 0x1p127},
                   {.name = "safeguard_warmup",
                    .doc = "weigh gradients in s by d^2 / d0, whatever lr is",
                    .value = {0},
                    .type = HyperType::boolean}},
    };

    struct Constants {
        T beta1, gain1, beta2, gain2, beta3, gain3, eps, lr;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta1 = in.hyper[kBeta1];
        const double beta2 = in.hyper[kBeta2];
        const double given = in.hyper[kBeta3];
        const double d = in.hyper[kDistance];
        const double weight = in.hyper[kSafeguard] != 0 ? d : in.lr;
        return {.beta1 = T(beta1),
                .gain1 = T((1 - beta1) * d),
                .beta2 = T(beta2),
                .gain2 = T((1 - beta2) * d * d),
                .beta3 = T(given == given ? given : sqrt(beta2)),
                .gain3 = T(d / in.hyper[kD0] * weight),
                .eps = T(in.hyper[kEps] * in.hyper[kNextDistance]),
                .lr = T(in.lr)};
    }

    static constexpr int kTerms = 2;
    static constexpr bool kOverList = true;

    STEEPEST_HD static STEEPEST_INLINE T weighted_sum(const Constants& c, T g, T s) {
        return c.beta3 * s + c.gain3 * g;
    }

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T p, T g, T, T, T s, T p0,
                                                   double (&term)[kTerms]) {
        // In double, where the difference of two floats is all but exact.
        term[0] = static_cast<double>(g) * (static_cast<double>(p0) - static_cast<double>(p));
        term[1] = static_cast<double>(absolute(weighted_sum(c, g, s)));
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq, T& s, T&) {
        const T m = c.beta1 * exp_avg + c.gain1 * g;
        const T v = c.beta2 * exp_avg_sq + c.gain2 * (g * g);
        p = p - c.lr * (m / (sqrt(v) + c.eps));
        exp_avg = m;
        exp_avg_sq = v;
        s = weighted_sum(c, g, s);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
