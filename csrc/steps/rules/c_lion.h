// C-Lion: Lion that moves only where its direction agrees with the gradient.
#pragma once

#include "steps/rules/cautious.h"
#include "steps/rules/lion.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct CLion : LionCore<T> {
    using Core = LionCore<T>;

    static constexpr RuleSpec spec = {
        .name = "c_lion",
        .class_name = "CLion",
        .summary = "Cautious Lion.",
        .source =
            "Liang et al., arXiv 2411.16085: Lion with the update u masked by u g > 0 and "
            "rescaled per tensor",
        .decay = Decay::decoupled,
        .lr = 1e-4,
        .weight_decay = 0,
        .needs_step = false,
        .states = {kExpAvg},
        .hypers = {{.name = "betas",
                    .doc = "interpolation weight of the direction, decay rate of the momentum",
                    .value = {0.95, 0.98},
                    .length = 2,
                    .high = 1,
                    .high_open = true},
                   kMaskNorm,
                   kMaskEps},
    };
    enum { kBeta1, kBeta2, kNorm, kNormEps };

    struct Constants : Core::Constants {
        T masked_lr;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double scale =
            in.sum ? mask_scale(in.sum[0], in.count, in.hyper[kNorm], in.hyper[kNormEps]) : 0;
        return {Core::prepare(in), T(in.lr * scale)};
    }

    static constexpr int kTerms = 1;

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T, T g, T exp_avg,
                                                   double (&term)[kTerms]) {
        term[0] = agrees(Core::direction(c, g, exp_avg), g) ? 1 : 0;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg) {
        const T u = Core::direction(c, g, exp_avg);
        p = p - masked(u, c.masked_lr * u, g);
        exp_avg = Core::momentum(c, g, exp_avg);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
