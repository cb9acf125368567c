// AdaMuon's normaliser: a direction over the root of its second moment, at the norm it had.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AdaMuon {
    enum { kBeta2, kEps };

    static constexpr bool kOverwrites = true;
    static constexpr RuleSpec spec = {
        .name = "adamuon",
        .class_name = "",
        .summary =
            "The direction in grads over the root of its second moment, written to params: a stage "
            "of AdaMuon.",
        .source =
            "Si et al., arXiv 2507.11005: v = beta2 v + (1 - beta2) d^2, params = lr c d / "
            "(sqrt(v) "
            "+ eps), where c keeps the Euclidean norm of d. params is only written, and "
            "weight_decay "
            "has no effect",
        .decay = Decay::own,
        .lr = 1,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "second_moment", .doc = "moving average of the squared direction"}},
        .hypers = {{.name = "beta2",
                    .doc = "decay rate of the second moment",
                    .value = {0.95},
                    .high = 1,
                    .high_open = true},
                   eps_hyper(1e-8)},
    };

    struct Constants {
        T beta2, gain2, eps;
        T lift, size;  // to norm 1, and to lr times the norm of the direction: no product overflows
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double beta2 = in.hyper[kBeta2];
        return {.beta2 = T(beta2),
                .gain2 = T(1 - beta2),
                .eps = T(in.hyper[kEps]),
                .lift = T(in.sum && in.sum[1] > 0 ? 1 / sqrt(in.sum[1]) : 0),
                .size = T(in.sum ? in.lr * sqrt(in.sum[0]) : 0)};
    }

    static constexpr int kTerms = 2;

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T, T g, T second_moment,
                                                   double (&term)[kTerms]) {
        const double u = normalized(c, g, moment(c, g, second_moment));
        term[0] = static_cast<double>(g) * static_cast<double>(g);
        term[1] = u * u;
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& second_moment) {
        const T v = moment(c, g, second_moment);
        p = c.size * (c.lift * normalized(c, g, v));
        second_moment = v;
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE T moment(const Constants& c, T g, T v) {
        return c.beta2 * v + c.gain2 * (g * g);
    }
    // Zero stays zero, whatever eps is.
    STEEPEST_HD static STEEPEST_INLINE T normalized(const Constants& c, T g, T v) {
        const T size = sqrt(v) + c.eps;
        return size == 0 ? g : g / size;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
