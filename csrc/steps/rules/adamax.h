// AdaMax: Adam with the infinity norm in place of the second moment.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AdaMax {
    static constexpr RuleSpec spec = {
        .name = "adamax",
        .class_name = "AdaMax",
        .summary = "Adam with an exponentially weighted infinity norm as denominator.",
        .source =
            "Kingma & Ba, arXiv 1412.6980, algorithm 2: u = max(beta2 u, |g| + eps), "
            "p -= lr / (1 - beta1^t) m / u (eps as in torch.optim.Adamax; the paper has none)",
        .decay = Decay::l2,
        .lr = 2e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg, {.name = "exp_inf", .doc = "exponentially weighted infinity norm"}},
        .hypers = {kBetas, eps_hyper(1e-8)},
    };
    enum { kBeta1, kBeta2, kEps };

    struct Constants {
        T beta1, gain1, beta2, eps, step_size;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta1 = in.hyper[kBeta1];
        return {.beta1 = T(beta1),
                .gain1 = T(1 - beta1),
                .beta2 = T(in.hyper[kBeta2]),
                .eps = T(in.hyper[kEps]),
                .step_size = T(in.lr / (1 - power(beta1, in.step)))};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_inf) {
        const T m = c.beta1 * exp_avg + c.gain1 * g;
        const T u = maximum(c.beta2 * exp_inf, absolute(g) + c.eps);
        // u is 0 only where eps is 0 and no gradient counts any more; m is 0 there unless beta2 is
        // 0.
        p = p - c.step_size * (m / (u != 0 ? u : T(1)));
        exp_avg = m;
        exp_inf = u;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
