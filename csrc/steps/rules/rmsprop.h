// RMSprop: the gradient over the root of the moving average of its square.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct RmsProp {
    enum { kAlpha, kEps, kMomentum, kCentered };

    static constexpr RuleSpec spec = {
        .name = "rmsprop",
        .class_name = "RMSprop",
        .summary = "Gradient over its root mean square, with momentum.",
        .source =
            "Hinton, Neural Networks for Machine Learning, lecture 6 (2012), in the form of "
            "torch.optim.RMSprop: s = alpha s + (1 - alpha) g^2, buf = momentum buf + g / (sqrt(s) "
            "+ eps), p -= lr buf; centered (Graves, arXiv 1308.0850, eq. 39): s - a^2 for s, with "
            "a = alpha a + (1 - alpha) g, and 0 where rounding makes that negative",
        .decay = Decay::l2,
        .lr = 1e-2,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "square_avg", .doc = "moving average of the squared gradient"},
                   {.name = "momentum_buffer",
                    .doc = "momentum; left out when momentum is 0",
                    .optional = true,
                    .needed_by = kMomentum},
                   {.name = "grad_avg",
                    .doc = "moving average of the gradient; left out unless centered",
                    .optional = true,
                    .needed_by = kCentered}},
        .hypers = {{.name = "alpha",
                    .doc = "decay rate of the averages",
                    .value = {0.99},
                    .high = 1,
                    .high_open = true},
                   eps_hyper(1e-8),
                   {.name = "momentum", .doc = "momentum factor", .value = {0}},
                   {.name = "centered",
                    .doc = "divide by the root of the gradient's variance",
                    .value = {0},
                    .type = HyperType::boolean}},
    };

    struct Constants {
        T alpha, gain, eps, momentum, lr;
        // What stands for the option, since one more condition would stop the vectoriser.
        Mask<T> centered;
        T least;  // 0, or -inf, which nothing is less than
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double alpha = in.hyper[kAlpha];
        const bool centered = in.hyper[kCentered] != 0;
        return {.alpha = T(alpha),
                .gain = T(1 - alpha),
                .eps = T(in.hyper[kEps]),
                .momentum = T(in.hyper[kMomentum]),
                .lr = T(in.lr),
                .centered = all_bits<T>(centered),
                .least = centered ? T(0) : -T(__builtin_inf())};
    }

    STEEPEST_HD static STEEPEST_INLINE T variance(const Constants& c, T square, T mean) {
        const T offset = masked(mean, c.centered);
        const T difference = square - offset * offset;
        return difference < c.least ? T(0) : difference;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& square_avg,
                                                  T& momentum_buffer, T& grad_avg) {
        const T square = c.alpha * square_avg + c.gain * (g * g);
        const T mean = c.alpha * grad_avg + c.gain * g;
        const T size = sqrt(variance(c, square, mean)) + c.eps;
        const T scaled = g / size;
        const T direction = c.momentum != 0 ? c.momentum * momentum_buffer + scaled : scaled;
        p = p - c.lr * direction;
        square_avg = square;
        momentum_buffer = direction;
        grad_avg = mean;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
