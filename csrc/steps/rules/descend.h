// A step along a direction that was made elsewhere: the last stage of Muon, Scion and trust-region
// steps.
#pragma once

#include "steps/rules/cautious_decay.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

// Constants and arithmetic that the last stages share.
template <class T>
struct DescendCore {
    enum { kCautious };

    struct Constants {
        T lr, keep, masked_keep;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const T keep = T(1 - in.lr * in.weight_decay);
        return {
            .lr = T(in.lr), .keep = keep, .masked_keep = in.hyper[kCautious] != 0 ? T(1) : keep};
    }

    // Where the step leads from p.
    template <class C>
    STEEPEST_HD static STEEPEST_INLINE T moved(const C& c, T p, T direction) {
        return p * kept(p, direction, c.keep, c.masked_keep) - c.lr * direction;
    }
};

template <class T>
struct Descend : DescendCore<T> {
    using Core = DescendCore<T>;
    using typename Core::Constants;

    static constexpr RuleSpec spec = {
        .name = "descend",
        .class_name = "",
        .summary =
            "A step along the direction in grads: the last stage of Muon, Scion and trust-region "
            "steps.",
        .source =
            "p = p (1 - lr weight_decay) - lr d; cautious: Chen et al., arXiv 2510.12402, decays "
            "only where d p >= 0",
        .decay = Decay::own,
        .lr = 1e-3,
        .weight_decay = 0,
        .needs_step = false,
        .hypers = {kCautiousDecay},
    };

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g) {
        p = Core::moved(c, p, g);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
