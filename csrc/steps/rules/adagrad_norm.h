// AdaGrad-Norm: steps shrink with the sum of all squared gradient norms, one number for all
// elements.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AdaGradNorm {
    enum { kEps, kScope };

    static constexpr RuleSpec spec = {
        .name = "adagrad_norm",
        .class_name = "AdaGradNorm",
        .summary = "Adagrad with one accumulator for the norm of the gradient.",
        .source =
            "Ward, Wu & Bottou, arXiv 1806.01811, algorithm 1, the step of AdAdaGrad-Norm (Lau, "
            "Liu & Kolar, arXiv 2402.11215): b^2 += ||g||^2, p -= lr g / (b + eps), the norm being "
            "that of the tensor or, with scope='list', of all gradients of the call, then without "
            "what weight decay adds to them",
        .decay = Decay::l2,
        .lr = 1,
        .weight_decay = 0,
        .needs_step = false,
        .states = {{.name = "square_sum",
                    .doc = "sum of the squared norms, one number per tensor, shape (1, ..., 1)",
                    .kind = Kind::tensor}},
        .hypers = {eps_hyper(1e-10),
                   {.name = "scope",
                    .doc = "whose norm: that of each tensor, or of all gradients of the call",
                    .value = {0},
                    .high = 1,
                    .type = HyperType::choice,
                    .choices = "tensor|list"}},
    };

    struct Constants {
        T rate;
        bool of_list;
    };

    STEEPEST_HD static bool is_of_list(const double* hyper) { return hyper[kScope] != 0; }
    static bool needs_list_norm(const double* hyper) { return is_of_list(hyper); }

    STEEPEST_HD static STEEPEST_INLINE bool needs_sums(const Constants& c) { return !c.of_list; }

    STEEPEST_HD static double next_state(const Prepare& in) {
        return in.state + (is_of_list(in.hyper) ? in.list_norm * in.list_norm : in.sum[0]);
    }

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double denominator = in.sum ? sqrt(in.state) + in.hyper[kEps] : 0;
        // The denominator is 0 only where eps is 0 and no gradient has come yet; g is 0 there.
        return {.rate = T(denominator != 0 ? in.lr / denominator : 0),
                .of_list = is_of_list(in.hyper)};
    }

    static constexpr int kTerms = 1;

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants&, T, T g,
                                                   double (&term)[kTerms]) {
        term[0] = static_cast<double>(g) * static_cast<double>(g);
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g) {
        p = p - c.rate * g;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
