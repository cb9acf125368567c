// Sophia: momentum over a lazily renewed Hessian diagonal, clipped per element.
#pragma once

#include "core/math.h"
#include "steps/rules/curvature.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Sophia {
    static constexpr RuleSpec spec = {
        .name = "sophia",
        .class_name = "",
        .summary = "Momentum divided by a Hessian diagonal and clipped to 1 per element.",
        .source =
            "Liu et al., arXiv 2305.14342, algorithm 3: h = beta2 h + (1 - beta2) hessian every k "
            "steps, p -= lr clip(m / max(rho h, eps), 1); denominator=\"sum\" is the authors' "
            "code, "
            "m / (rho batch_size h + eps)",
        .decay = Decay::decoupled,
        .lr = 1e-4,
        .weight_decay = 0.1,
        .needs_step = true,
        .states = {kExpAvg,
                   {.name = "exp_hessian_diag", .doc = "moving average of the Hessian diagonal"},
                   kHessian},
        .hypers = {{.name = "betas",
                    .doc = "decay rates of the momentum and of the Hessian diagonal",
                    .value = {0.965, 0.99},
                    .length = 2,
                    .high = 1,
                    .high_open = true},
                   {.name = "rho", .doc = "factor of the Hessian diagonal", .value = {0.04, 0}},
                   {.name = "batch_size",
                    .doc = "another factor: the batch size where the estimate is a squared mean "
                           "gradient",
                    .value = {1, 0}},
                   eps_hyper(1e-12),
                   kHessianInterval,
                   {.name = "denominator",
                    .doc = "\"max\" of rho batch_size h and eps, or their \"sum\"",
                    .value = {0, 0},
                    .type = HyperType::choice,
                    .choices = "max|sum"}},
    };
    enum { kBeta1, kBeta2, kRho, kBatch, kEps, kInterval, kDenominator };

    struct Constants {
        T beta1, gain1, beta2, gain2;
        T scale, eps, lr;
        // 1 or 0: a bool would stop the vectoriser.
        T takes;  // in the estimate, at this step
        T adds;   // eps to the denominator
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta1 = in.hyper[kBeta1];
        const double beta2 = in.hyper[kBeta2];
        return {.beta1 = T(beta1),
                .gain1 = T(1 - beta1),
                .beta2 = T(beta2),
                .gain2 = T(1 - beta2),
                .scale = T(in.hyper[kRho] * in.hyper[kBatch]),
                .eps = T(in.hyper[kEps]),
                .lr = T(in.lr),
                .takes = T(takes_estimate(in.step, in.hyper[kInterval])),
                .adds = T(in.hyper[kDenominator] != 0)};
    }

    // m / d in [-1, 1]; d is 0 only where eps is 0, and over the smallest number that is sign(m).
    STEEPEST_HD static STEEPEST_INLINE T clipped(T m, T d) {
        constexpr T kSmallest = sizeof(T) == 4 ? T(0x1p-149) : T(0x1p-1074);
        const T ratio = m / (d != 0 ? d : kSmallest);
        const T bounded = ratio < -1 ? T(-1) : ratio;
        return bounded > 1 ? T(1) : bounded;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_hessian_diag, T& hessian) {
        const T m = c.beta1 * exp_avg + c.gain1 * g;
        const T h =
            c.takes != 0 ? c.beta2 * exp_hessian_diag + c.gain2 * hessian : exp_hessian_diag;
        const T d = c.adds != 0 ? c.scale * h + c.eps : maximum(c.scale * h, c.eps);
        p = p - c.lr * clipped(m, d);
        exp_avg = m;
        exp_hessian_diag = h;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
