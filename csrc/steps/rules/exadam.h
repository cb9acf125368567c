// EXAdam: Adam whose moments correct each other, and whose momentum has the gradient added.
#pragma once

#include "steps/rules/adam.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct ExAdam : AdamCore<T> {
    using Core = AdamCore<T>;

    static constexpr RuleSpec spec = {
        .name = "exadam",
        .class_name = "EXAdam",
        .summary = "Adam with cross-moment bias corrections and the gradient beside the momentum.",
        .source =
            "Adly, arXiv 2412.20302, algorithm 1: d1 = 1 + v / (v + eps) beta2^t, "
            "d2 = 1 + m^2 / (m^2 + eps) beta1^t, p -= s (mhat + g / (1 - beta1^t)) d1 / "
            "(sqrt(vhat d2) + eps). The step size s is lr, or, in the paper's first version, "
            "lr ln(sqrt(2) sqrt(t + 1))",
        .decay = Decay::decoupled,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg, kExpAvgSq},
        .hypers = {kBetas,
                   {.name = "eps",
                    .doc = "added to the denominators of the step, of d1 and of d2",
                    .value = {1e-8}},
                   {.name = "step_size",
                    .doc = "'constant' for lr, 'growing' for that of the paper's first version",
                    .value = {0},
                    .type = HyperType::choice,
                    .choices = "constant|growing"}},
    };
    enum { kStepSize = 3 };

    struct Constants : Core::Constants {
        T fading1, fading2;  // beta1^t, beta2^t
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        Prepare sized = in;
        if (in.hyper[kStepSize] != 0) sized.lr = in.lr * growth(in.step);
        return {Core::prepare(sized), T(power(in.hyper[Core::kBeta1], in.step)),
                T(power(in.hyper[Core::kBeta2], in.step))};
    }

    // 1 + x / (x + eps) fading for x >= 0, in a form that is not NaN where x has overflowed.
    STEEPEST_HD static STEEPEST_INLINE T cross(T x, T eps, T fading) {
        return 1 + (1 - eps / (x + eps)) * fading;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, g, exp_avg_sq);
        const T d1 = cross(v, c.eps, c.fading2);
        const T d2 = cross(m * m, c.eps, c.fading1);
        p = p - c.step_size * ((m + g) * d1 / Core::denominator(c, v * d2));
        exp_avg = m;
        exp_avg_sq = v;
    }

  private:
    // ln(sqrt(2) sqrt(t + 1))
    STEEPEST_HD static double growth(int64_t step) {
        return 0.5 * log(2.0 * (static_cast<double>(step) + 1));
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
