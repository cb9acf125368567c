// Adagrad: steps shrink with the sum of all squared gradients.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Adagrad {
    static constexpr RuleSpec spec = {
        .name = "adagrad",
        .class_name = "Adagrad",
        .summary = "Adaptive gradient method with an accumulated squared gradient.",
        .source =
            "Duchi, Hazan & Singer, JMLR 12 (2011), diagonal form: sum += g^2, "
            "p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(sum) + eps)",
        .decay = Decay::l2,
        .lr = 1e-2,
        .weight_decay = 0,
        .needs_step = true,
        .states = {{.name = "sum", .doc = "sum of squared gradients"}},
        .hypers = {{.name = "lr_decay", .doc = "decay of the learning rate per step", .value = {0}},
                   eps_hyper(1e-10)},
    };
    enum { kLrDecay, kEps };

    struct Constants {
        T lr, eps;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double elapsed = static_cast<double>(in.step - 1);
        return {.lr = T(in.lr / (1 + elapsed * in.hyper[kLrDecay])), .eps = T(in.hyper[kEps])};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& sum) {
        const T total = sum + g * g;
        const T denominator = sqrt(total) + c.eps;
        // The denominator is 0 only where eps is 0 and no gradient has come yet; g is 0 there.
        p = p - c.lr * (g / (denominator != 0 ? denominator : T(1)));
        sum = total;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
