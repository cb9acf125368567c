// LAMB: Adam's direction, scaled per tensor to the norm of the parameter.
#pragma once

#include "steps/rules/adam.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Lamb : AdamCore<T> {
    using Core = AdamCore<T>;

    static constexpr RuleSpec spec = {
        .name = "lamb",
        .class_name = "LAMB",
        .summary = "Layer-wise adaptive moments for large batches.",
        .source =
            "You et al., arXiv 1904.00962, algorithm 2: r = mhat / (sqrt(vhat) + eps) + "
            "weight_decay p, "
            "p -= lr phi(||p||) / ||r|| r, phi(x) = min(x, max_param_norm). The paper corrects the "
            "bias; bias_correction=False with max_param_norm=10 is the other public form",
        .decay = Decay::own,
        .lr = 1e-3,
        .weight_decay = 1e-2,
        .needs_step = true,
        .states = {kExpAvg, kExpAvgSq},
        .hypers = {kBetas,
                   eps_hyper(1e-6),
                   {.name = "bias_correction",
                    .doc = "correct both moments for their zero start",
                    .value = {1},
                    .type = HyperType::boolean},
                   {.name = "max_param_norm",
                    .doc = "upper bound of the parameter norm in the trust ratio",
                    .value = {__builtin_inf()}}},
    };
    enum { kBeta1, kBeta2, kEps, kBiasCorrection, kMaxParamNorm };

    struct Constants {
        T beta1, gain1, beta2, gain2, correction1, correction, eps, weight_decay;
        T rate;  // lr times the trust ratio
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta1 = in.hyper[kBeta1];
        const double beta2 = in.hyper[kBeta2];
        const bool corrected = in.hyper[kBiasCorrection] != 0;
        return {.beta1 = T(beta1),
                .gain1 = T(1 - beta1),
                .beta2 = T(beta2),
                .gain2 = T(1 - beta2),
                .correction1 = corrected ? T(1 / (1 - power(beta1, in.step))) : T(1),
                .correction = corrected ? T(1 / sqrt(1 - power(beta2, in.step))) : T(1),
                .eps = T(in.hyper[kEps]),
                .weight_decay = T(in.weight_decay),
                .rate = T(in.lr * trust_ratio(in))};
    }

    static constexpr int kTerms = 2;

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T p, T g, T exp_avg,
                                                   T exp_avg_sq, double (&term)[kTerms]) {
        const double r = direction(c, p, Core::first_moment(c, g, exp_avg),
                                   Core::second_moment(c, g, exp_avg_sq));
        term[0] = static_cast<double>(p) * static_cast<double>(p);
        term[1] = r * r;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, g, exp_avg_sq);
        p = p - c.rate * direction(c, p, m, v);
        exp_avg = m;
        exp_avg_sq = v;
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE T direction(const Constants& c, T p, T m, T v) {
        return (m * c.correction1) / Core::denominator(c, v) + c.weight_decay * p;
    }

    STEEPEST_HD static double trust_ratio(const Prepare& in) {
        if (!in.sum) return 0;
        const double norm = sqrt(in.sum[0]);
        const double bound = in.hyper[kMaxParamNorm];
        const double bounded = norm > bound ? bound : norm;
        const double direction_norm = sqrt(in.sum[1]);
        return bounded == 0 || direction_norm == 0 ? 1 : bounded / direction_norm;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
