// OASIS: the gradient over a truncated moving average of the Hessian diagonal.
#pragma once

#include "core/math.h"
#include "steps/rules/curvature.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Oasis {
    static constexpr RuleSpec spec = {
        .name = "oasis",
        .class_name = "",
        .summary = "Gradient divided by the truncated moving average of a signed Hessian diagonal.",
        .source =
            "Jahani et al., arXiv 2109.05198, with a given learning rate: D = beta2 D + (1 - "
            "beta2) "
            "hessian, the first D being the first estimate, p -= lr g / max(|D|, alpha)",
        .decay = Decay::l2,
        .lr = 1e-2,
        .weight_decay = 0,
        .needs_step = true,
        .states = {{.name = "exp_hessian_diag", .doc = "moving average of the Hessian diagonal"},
                   kHessian},
        .hypers = {{.name = "beta2",
                    .doc = "decay rate of the Hessian diagonal",
                    .value = {0.99, 0},
                    .high = 1,
                    .high_open = true},
                   {.name = "alpha",
                    .doc = "the least size of the Hessian diagonal",
                    .value = {1e-5, 0}},
                   {.name = "hessian_update_interval",
                    .doc = kHessianInterval.doc,
                    .value = {1, 0},
                    .low = 1,
                    .high = 2147483647}},
    };
    enum { kBeta2, kAlpha, kInterval };

    struct Constants {
        T beta2, gain2, alpha, lr;
        Mask<T> takes, first;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta2 = in.hyper[kBeta2];
        return {.beta2 = T(beta2),
                .gain2 = T(1 - beta2),
                .alpha = T(in.hyper[kAlpha]),
                .lr = T(in.lr),
                .takes = all_bits<T>(takes_estimate(in.step, in.hyper[kInterval])),
                .first = all_bits<T>(in.step == 1)};
    }

    STEEPEST_HD static STEEPEST_INLINE T averaged(const Constants& c, T diagonal, T hessian) {
        return c.beta2 * diagonal + c.gain2 * hessian;
    }

    STEEPEST_HD static STEEPEST_INLINE T truncated(const Constants& c, T diagonal) {
        const T size = maximum(absolute(diagonal), c.alpha);
        return size != 0 ? size : T(1);  // 0 only where alpha is 0
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g,
                                                  T& exp_hessian_diag, T& hessian) {
        const T next = averaged(c, exp_hessian_diag, hessian);
        const T d = chosen(c.first, hessian, chosen(c.takes, next, exp_hessian_diag));
        p = p - c.lr * (g / truncated(c, d));
        exp_hessian_diag = d;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
