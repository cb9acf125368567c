// LARS: momentum of a gradient that is scaled per tensor to the norm of the parameter.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct Lars {
    enum { kMomentum, kNesterov, kTrust, kEps, kRatio, kLrInMomentum };
    enum { kSeparate, kJoint, kClipped, kNone };  // choices of the ratio

    static constexpr RuleSpec spec = {
        .name = "lars",
        .class_name = "LARS",
        .summary = "Stochastic gradient descent with layer-wise adaptive rates.",
        .source =
            "You, Gitman & Ginsburg, arXiv 1708.03888, algorithm 1: per tensor "
            "r = trust_coefficient ||p|| / (||g|| + weight_decay ||p|| + eps), 1 where ||p|| or "
            "||g|| is 0, buf = momentum buf + lr r (g + weight_decay p), p -= buf. The paper has "
            "no eps and no nesterov. lr_in_momentum=False is the form of optimizers made of "
            "torch's SGD: buf = momentum buf + r (g + weight_decay p), p -= lr buf",
        .decay = Decay::own,
        .lr = 1,
        .weight_decay = 5e-4,
        .needs_step = false,
        .states = {{.name = "momentum_buffer",
                    .doc = "momentum; left out when momentum is 0",
                    .optional = true,
                    .needed_by = kMomentum}},
        .hypers = {{.name = "momentum", .doc = "momentum factor", .value = {0.9}},
                   {.name = "nesterov",
                    .doc = "use Nesterov momentum",
                    .value = {0},
                    .type = HyperType::boolean},
                   {.name = "trust_coefficient",
                    .doc = "size of a step beside the parameter's, at lr 1",
                    .value = {1e-3}},
                   {.name = "eps", .doc = "added to the denominator of the ratio", .value = {0}},
                   {.name = "ratio",
                    .doc =
                        "what r is: 'separate' as published, 'joint' with ||g + weight_decay p|| "
                        "for the denominator, 'clipped' (LARC) min(r, lr) in place of lr r, or "
                        "'none' for 1, which biases and normalisation layers are often given",
                    .value = {0},
                    .type = HyperType::choice,
                    .choices = "separate|joint|clipped|none"},
                   {.name = "lr_in_momentum",
                    .doc = "the momentum is one of steps, which keep the lr that they were made at",
                    .value = {1},
                    .type = HyperType::boolean}},
    };

    struct Constants {
        T weight_decay, momentum;
        T gain, rate;  // buf = momentum buf + gain (g + weight_decay p), p -= rate buf
        bool nesterov, joint;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double trust = trust_ratio(in);
        const bool in_momentum = in.hyper[kLrInMomentum] != 0;
        return {.weight_decay = T(in.weight_decay),
                .momentum = T(in.hyper[kMomentum]),
                .gain = T(in_momentum ? in.lr * trust : trust),
                .rate = T(in_momentum ? 1 : in.lr),
                .nesterov = in.hyper[kNesterov] != 0,
                .joint = static_cast<int>(in.hyper[kRatio]) == kJoint};
    }

    static constexpr int kTerms = 2;

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T p, T g, T,
                                                   double (&term)[kTerms]) {
        const double x = c.joint ? decayed(c, p, g) : g;
        term[0] = static_cast<double>(p) * static_cast<double>(p);
        term[1] = x * x;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g,
                                                  T& momentum_buffer) {
        const T new_part = c.gain * decayed(c, p, g);
        const T b = c.momentum != 0 ? c.momentum * momentum_buffer + new_part : new_part;
        p = p - c.rate * (c.nesterov ? new_part + c.momentum * b : b);
        momentum_buffer = b;
    }

  private:
    // Not g + 0 p: an infinite parameter would make it NaN.
    STEEPEST_HD static STEEPEST_INLINE T decayed(const Constants& c, T p, T g) {
        return c.weight_decay != 0 ? g + c.weight_decay * p : g;
    }

    STEEPEST_HD static double trust_ratio(const Prepare& in) {
        const int ratio = static_cast<int>(in.hyper[kRatio]);
        if (ratio == kNone) return 1;
        if (!in.sum) return 0;
        const double norm = sqrt(in.sum[0]);
        const double gradient_norm = sqrt(in.sum[1]);
        if (norm == 0 || gradient_norm == 0) return 1;
        const double decay = ratio == kJoint ? 0 : in.weight_decay * norm;
        const double trust = in.hyper[kTrust] * norm / (gradient_norm + decay + in.hyper[kEps]);
        if (ratio != kClipped) return trust;
        return trust >= in.lr ? 1 : trust / in.lr;  // lr 0 has any; a NaN passes on
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
