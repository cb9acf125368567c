// Adadelta: the gradient in units of the steps so far.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Adadelta {
    enum { kRho, kEps };

    static constexpr RuleSpec spec = {
        .name = "adadelta",
        .class_name = "Adadelta",
        .summary = "Gradient scaled by the ratio of the root mean squares of steps and gradients.",
        .source =
            "Zeiler, arXiv 1212.5701, algorithm 1: s = rho s + (1 - rho) g^2, "
            "d = sqrt(a + eps) / sqrt(s + eps) g, a = rho a + (1 - rho) d^2, p -= lr d",
        .decay = Decay::l2,
        .lr = 1,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "square_avg", .doc = "moving average of the squared gradient"},
                   {.name = "acc_delta", .doc = "moving average of the squared step"}},
        .hypers = {{.name = "rho",
                    .doc = "decay rate of the averages",
                    .value = {0.9},
                    .high = 1,
                    .high_open = true},
                   {.name = "eps", .doc = "added under both roots", .value = {1e-6}}},
    };

    struct Constants {
        T rho, gain, eps, lr;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double rho = in.hyper[kRho];
        return {.rho = T(rho), .gain = T(1 - rho), .eps = T(in.hyper[kEps]), .lr = T(in.lr)};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& square_avg,
                                                  T& acc_delta) {
        const T square = c.rho * square_avg + c.gain * (g * g);
        const T delta = sqrt(acc_delta + c.eps) / sqrt(square + c.eps) * g;
        p = p - c.lr * delta;
        square_avg = square;
        acc_delta = c.rho * acc_delta + c.gain * (delta * delta);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
