// RAdam: Adam that is not adaptive before the variance of its learning rate is bounded, and then by
// the rectified amount.
#pragma once

#include "steps/rules/adam.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

// Sums over i < n of beta^i and of (i + 1) beta^i, from the binary digits of n. All terms are
// positive, so nothing cancels, as it would in the formulas with 1 - beta^n.
struct DecayingWeights {
    double sum, moment;

    STEEPEST_HD DecayingWeights(double beta, int64_t n) : sum(0), moment(0) {
        int64_t bit = 1;
        while (bit <= n / 2) bit *= 2;
        double count = 0;
        double decayed = 1;  // beta^count
        for (; bit > 0; bit /= 2) {
            moment = moment + decayed * (moment + count * sum);
            sum = sum + decayed * sum;
            count = 2 * count;
            decayed = decayed * decayed;
            if ((n & bit) == 0) continue;
            sum = 1 + beta * sum;
            moment = sum + beta * moment;
            count = count + 1;
            decayed = decayed * beta;
        }
    }
};

template <class T>
struct RAdam : AdamCore<T> {
    using Core = AdamCore<T>;

    static constexpr RuleSpec spec = {
        .name = "radam",
        .class_name = "RAdam",
        .summary = "Rectified Adam.",
        .source =
            "Liu et al., arXiv 1908.03265, algorithm 2, in the form of torch.optim.RAdam: with "
            "rho = 2 / (1 - beta2) - 1 and rho_t = rho - 2 t beta2^t / (1 - beta2^t), p -= lr mhat "
            "r sqrt(1 - beta2^t) / (sqrt(v) + eps) where rho_t > 5, with r^2 = (rho_t - 4) (rho_t "
            "- 2) rho / ((rho - 4) (rho - 2) rho_t), and p -= lr mhat before",
        .decay = Decay::l2,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg, kExpAvgSq},
        .hypers = {kBetas, eps_hyper(1e-8)},
    };

    struct Constants : Core::Constants {
        Mask<T> adaptive;
    };

    // r sqrt(1 - beta2^t), or 0 where the step is not adaptive. rho_t is 2 w / s - 1 and
    // 1 - beta2^t is (1 - beta2) s, with the sum s and the moment w of the weights.
    STEEPEST_HD static double rectification(double beta2, int64_t step) {
        const DecayingWeights weights(beta2, step);
        const double most = 2 / (1 - beta2) - 1;
        const double length = 2 * (weights.moment / weights.sum) - 1;
        if (!(length > 5)) return 0;
        const double squared =
            (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length);
        return sqrt(squared) * sqrt((1 - beta2) * weights.sum);
    }

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        Constants c{Core::prepare(in), 0};
        const double r = rectification(in.hyper[Core::kBeta2], in.step);
        c.adaptive = all_bits<T>(r > 0);
        if (r > 0) c.step_size = T(in.lr / (1 - power(in.hyper[Core::kBeta1], in.step)) * r);
        return c;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, g, exp_avg_sq);
        const T denominator = sqrt(v) + c.eps;
        p = p - c.step_size * (m / chosen(c.adaptive, denominator, T(1)));
        exp_avg = m;
        exp_avg_sq = v;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
