// SGDP: momentum SGD without the part of a step that only changes the length of scale-invariant
// weights.
#pragma once

#include "steps/rules/projection.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct SgdP {
    enum { kMomentum, kDampening, kNesterov, kEps, kDeltaAt, kWdRatioAt };

    static constexpr RuleSpec spec = {
        .name = "sgdp",
        .class_name = "SGDP",
        .summary = "Momentum SGD whose step is projected where weights are scale-invariant.",
        .source =
            "Heo et al., arXiv 2006.08217, algorithm 1, in the form of the authors' code: buf = "
            "momentum buf + (1 - dampening) g from 0, u = buf or, with nesterov, g + momentum buf; "
            "u is projected as in AdamP, p *= 1 - lr weight_decay / (1 - momentum), times wd_ratio "
            "where u was projected, and p -= lr u. Tensors of fewer than two dimensions are not "
            "projected",
        .decay = Decay::own,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "momentum_buffer",
                    .doc = "momentum; left out when momentum is 0",
                    .optional = true,
                    .needed_by = kMomentum}},
        .hypers = {{.name = "momentum",
                    .doc = "momentum factor",
                    .value = {0},
                    .high = 1,
                    .high_open = true},
                   {.name = "dampening",
                    .doc = "damping of the gradient in the buffer",
                    .value = {0},
                    .high = 1},
                   {.name = "nesterov",
                    .doc = "use Nesterov momentum",
                    .value = {0},
                    .type = HyperType::boolean},
                   {.name = "eps", .doc = "added to norms", .value = {1e-8}},
                   kDelta,
                   kWdRatio},
    };

    using View = Projection<T>;
    static constexpr int kRowTerms = View::kRowTerms;
    static constexpr int kTerms = View::kTerms;

    struct Constants {
        T lr, momentum, gain;  // buf = momentum buf + gain g
        T keep;                // of the parameter
        T ahead_g, ahead_buf;  // direction = ahead_g g + ahead_buf buf
        Projection<T> view;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const bool nesterov = in.hyper[kNesterov] != 0;
        const double momentum = in.hyper[kMomentum];
        const View view = View::prepare(in, in.hyper[kDeltaAt], in.hyper[kEps]);
        const double decay = in.weight_decay * (view.is_projected() ? in.hyper[kWdRatioAt] : 1);
        return {.lr = T(in.lr),
                .momentum = T(momentum),
                .gain = T(1 - in.hyper[kDampening]),
                .keep = T(1 - in.lr * decay / (1 - momentum)),
                .ahead_g = nesterov ? T(1) : T(0),
                .ahead_buf = nesterov ? T(momentum) : T(1),
                .view = view};
    }

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T p, T g, T buf,
                                                   double (&term)[kRowTerms]) {
        View::element(p, g, direction(c, g, moved(c, g, buf)), term);
    }

    STEEPEST_HD static STEEPEST_INLINE void row_terms(const Constants& c,
                                                      const double (&row)[kRowTerms],
                                                      double (&term)[kTerms]) {
        c.view.row_terms(row, term);
    }

    STEEPEST_HD static STEEPEST_INLINE T row_value(const Constants& c,
                                                   const double (&row)[kRowTerms]) {
        return c.view.row_value(row);
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& buf, T along) {
        const T b = moved(c, g, buf);
        const T u = View::projected(direction(c, g, b), p, along);
        p = p * c.keep - c.lr * u;
        buf = b;
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE T moved(const Constants& c, T g, T buf) {
        const T new_part = c.gain * g;
        return c.momentum != 0 ? c.momentum * buf + new_part : new_part;
    }

    STEEPEST_HD static STEEPEST_INLINE T direction(const Constants& c, T g, T b) {
        const T ahead = g + c.ahead_buf * b;  // not read under a condition: vectors
        return c.ahead_g != 0 ? ahead : b;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
