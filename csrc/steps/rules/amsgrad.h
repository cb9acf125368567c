// AMSGrad: Adam whose denominator never shrinks.
#pragma once

#include "steps/rules/adam.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AmsGrad : AdamCore<T> {
    using Core = AdamCore<T>;
    using typename Core::Constants;

    static constexpr RuleSpec spec = {
        .name = "amsgrad",
        .class_name = "AMSGrad",
        .summary = "Adam with the running maximum of the second moment in the denominator.",
        .source =
            "Reddi, Kale & Kumar, ICLR 2018, arXiv 1904.09237, algorithm 2, with the bias "
            "corrections of torch.optim.Adam(amsgrad=True)",
        .decay = Decay::l2,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg,
                   kExpAvgSq,
                   {.name = "max_exp_avg_sq", .doc = "largest second moment so far"}},
        .hypers = {kBetas, eps_hyper(1e-8)},
    };

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& exp_avg_sq, T& max_exp_avg_sq) {
        const T m = Core::first_moment(c, g, exp_avg);
        const T v = Core::second_moment(c, g, exp_avg_sq);
        const T largest = maximum(max_exp_avg_sq, v);
        p = p - c.step_size * (m / Core::denominator(c, largest));
        exp_avg = m;
        exp_avg_sq = v;
        max_exp_avg_sq = largest;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
