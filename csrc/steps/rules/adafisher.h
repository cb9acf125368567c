// AdaFisher: momentum over a diagonal Fisher matrix that is the outer product of two vectors. The
// product is never formed: rows and columns are streams of their own.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AdaFisher {
    static constexpr RuleSpec spec = {
        .name = "adafisher",
        .class_name = "",
        .summary = "Momentum divided by the diagonal of a Kronecker-factored Fisher matrix.",
        .source =
            "Gomes et al., arXiv 2405.16397 (ICLR 2025): p -= lr mhat / (S H^T + damping), without "
            "a root; the outer product of the factors' diagonals S and H is not formed",
        .decay = Decay::l2,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kExpAvg,
                   {.name = "output_factor",
                    .doc = "S, diagonal of the factor of output gradients, shape (..., R, 1), read "
                           "but not changed",
                    .kind = Kind::row},
                   {.name = "input_factor",
                    .doc = "H, diagonal of the factor of inputs, shape (..., 1, C), read but not "
                           "changed",
                    .kind = Kind::column}},
        .hypers = {{.name = "beta",
                    .doc = "decay rate of the first moment",
                    .value = {0.9, 0},
                    .high = 1,
                    .high_open = true},
                   {.name = "damping", .doc = "lambda, added to the diagonal", .value = {1e-3, 0}}},
    };
    enum { kBeta, kDamping };
    static constexpr int kMostCodedBlocks = 3;  // five streams, two of them at computed places

    struct Constants {
        T beta, gain;  // average = beta average + gain new
        T step_size;   // lr / (1 - beta^t)
        T damping;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta = in.hyper[kBeta];
        return {.beta = T(beta),
                .gain = T(1 - beta),
                .step_size = T(in.lr / (1 - power(beta, in.step))),
                .damping = T(in.hyper[kDamping])};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& exp_avg,
                                                  T& output_factor, T& input_factor) {
        const T m = c.beta * exp_avg + c.gain * g;
        const T size = output_factor * input_factor + c.damping;
        p = p - c.step_size * (m / (size != 0 ? size : T(1)));  // 0 only where damping is 0
        exp_avg = m;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
