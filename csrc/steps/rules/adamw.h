// AdamW: Adam whose weight decay acts on the parameter, not on the gradient. The driver's decay
// stage does that, so only the defaults differ.
#pragma once

#include "steps/rules/adam.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AdamW : Adam<T> {
    static constexpr RuleSpec spec = {
        .name = "adamw",
        .class_name = "AdamW",
        .summary = "Adam with decoupled weight decay.",
        .source =
            "Loshchilov & Hutter, arXiv 1711.05101, algorithm 2: p *= 1 - lr weight_decay, then "
            "Adam",
        .decay = Decay::decoupled,
        .lr = 1e-3,
        .weight_decay = 1e-2,
        .needs_step = true,
        .states = {kExpAvg, kExpAvgSq},
        .hypers = {kBetas, eps_hyper(1e-8)},
    };
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
