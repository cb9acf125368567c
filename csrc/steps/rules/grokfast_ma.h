// GrokFast by the mean of a window of gradients, whose sum is never subtracted from.
#pragma once

#include "steps/rules/grokfast_ema.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

// The window is cut where the step count is a multiple of its length: the gradients after the cut
// are summed up in `prefix`, those before it have been summed from the cut backwards by the caller,
// who gives the sum of those still in the window. No rounding error stays longer than a gradient.
template <class T>
struct GrokFastMa {
    enum { kLamb, kWindow, kWarmup, kReduction };

    static constexpr bool kOverwrites = true;
    static constexpr RuleSpec spec = {
        .name = "grokfast_ma",
        .class_name = "",
        .summary =
            "The gradient with the mean of a window of gradients added, written to params as the "
            "gradient of any other rule.",
        .source =
            "Lee et al., arXiv 2405.20233 (GrokFast-MA): params = lr (g + lamb a), a being the "
            "mean or the sum of the last `window` gradients, g among them; with warmup params = "
            "lr g until there are so many. prefix = prefix + g, or g at the first of every "
            "`window` steps, a is of prefix + suffix, newest = g; suffix is given: the sum of the "
            "earlier gradients in the window. params is only written, and weight_decay has no "
            "effect",
        .decay = Decay::own,
        .lr = 1,
        .weight_decay = 0,
        .needs_step = true,
        .states = {{.name = "prefix", .doc = "sum of the gradients since a multiple of window"},
                   {.name = "suffix",
                    .doc = "sum of the gradients before it that are in the window, not changed"},
                   {.name = "newest", .doc = "the gradient of this step, only written"}},
        .hypers = {amplification(5),
                   {.name = "window",
                    .doc = "gradients in the mean",
                    .value = {100},
                    .low = 1,
                    .high = 2147483647},
                   {.name = "warmup",
                    .doc = "leave gradients as they are until the window is full",
                    .value = {1},
                    .type = HyperType::boolean},
                   {.name = "reduction",
                    .doc = "of the window",
                    .value = {0},
                    .type = HyperType::choice,
                    .choices = "mean|sum"}},
    };

    struct Constants {
        T scale, lr;
        bool begins;
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const int64_t window = static_cast<int64_t>(in.hyper[kWindow]);
        const int64_t count = in.step < window ? in.step : window;
        const bool waits = in.hyper[kWarmup] != 0 && count < window;
        const double weight = in.hyper[kReduction] != 0 ? 1 : 1 / static_cast<double>(count);
        return {.scale = waits ? T(0) : T(in.hyper[kLamb] * weight),
                .lr = T(in.lr),
                .begins = (in.step - 1) % window == 0};
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& prefix,
                                                  T& suffix, T& newest) {
        const T since = c.begins ? g : prefix + g;
        const T all = since + suffix;
        // Not g + 0 a: a sum that overflows would make it NaN.
        p = c.lr * (c.scale != 0 ? g + c.scale * all : g);
        prefix = since;
        newest = g;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
