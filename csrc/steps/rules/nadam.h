// NAdam: Adam with Nesterov momentum whose factor warms up.
#pragma once

#include "steps/rules/adam.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

// The momentum factors mu_i = beta1 (1 - 0.96^(i momentum_decay) / 2), i = 1, 2, ...
struct MomentumSchedule {
    double beta1, momentum_decay;

    STEEPEST_HD double factor(int64_t step) const {
        return from_decay(exp(static_cast<double>(step) * momentum_decay * log(0.96)));
    }

    // mu_1 mu_2 ... mu_step, from the step alone, so that a counter on the device is enough. Only
    // its distance to 1 is of use: the loop ends where the product is nothing beside 1, or where
    // all factors that follow are beta1; both take some thousands of factors at most.
    STEEPEST_HD double product(int64_t step) const {
        const double ratio = exp(momentum_decay * log(0.96));
        double decay = 1;
        double result = 1;
        for (int64_t i = 1; i <= step; ++i) {
            decay *= ratio;
            if (decay < 0x1p-54) return result * power(beta1, step - i + 1);
            result *= from_decay(decay);
            if (result < 0x1p-60) return 0;
        }
        return result;
    }

  private:
    STEEPEST_HD double from_decay(double decay) const { return beta1 * (1 - 0.5 * decay); }
};

template <class T>
struct NAdam : AdamCore<T> {
    using Core = AdamCore<T>;

    static constexpr RuleSpec spec = {
        .name = "nadam",
        .class_name = "NAdam",
        .summary = "Adam with Nesterov momentum.",
        .source =
            "Dozat, ICLR workshop 2016, algorithm 2, in the form of torch.optim.NAdam: "
            "mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), M_t = mu_1 ... mu_t, "
            "p -= lr ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_(t+1)) m) / (sqrt(vhat) + eps). "
            "M_t is made of the step count and the present options, not kept as a state",
        .decay = Decay::l2,
        .lr = 2e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg, kExpAvgSq},
        .hypers = {kBetas,
                   eps_hyper(1e-8),
                   {.name = "momentum_decay",
                    .doc = "speed at which the momentum factor rises to betas[0] from its half",
                    .value = {4e-3}}},
    };
    enum { kMomentumDecay = 3 };

    struct Constants : Core::Constants {
        T grad_size, moment_size;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const MomentumSchedule mu{in.hyper[Core::kBeta1], in.hyper[kMomentumDecay]};
        const double now = mu.factor(in.step);
        const double next = mu.factor(in.step + 1);
        const double product = mu.product(in.step);
        return {Core::prepare(in), T(in.lr * ((1 - now) / (1 - product))),
                T(in.lr * (next / (1 - product * next)))};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, g, exp_avg_sq);
        p = p - (c.grad_size * g + c.moment_size * m) / Core::denominator(c, v);
        exp_avg = m;
        exp_avg_sq = v;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
