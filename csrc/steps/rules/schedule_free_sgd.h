// Schedule-Free SGD: gradients at a point between the iterate and its running average.
#pragma once

#include "core/math.h"
#include "steps/rules/cautious_decay.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

inline constexpr StateSpec kFreeIterate{
    "z",
    "the iterate z, params being the point y where gradients are taken; made of params by the "
    "first step"};
inline constexpr HyperSpec kWarmupSteps{
    "warmup_steps", "steps over which the learning rate rises linearly to lr", {0}};
inline constexpr HyperSpec kShare{.name = "share",
                                  .doc =
                                      "weight of the newest iterate in the average (None: "
                                      "1 / step, which weighs all iterates alike)",
                                  .value = {__builtin_nan("")},
                                  .high = 1,
                                  .none_allowed = true};

// With x never stored: y = (1 - beta) z + beta x, z' = z - rate d and x' = x + c (z' - x) make
// y' = y + c (z - y) - rate (1 - beta (1 - c)) d.
template <class T>
struct ScheduleFreeCore {
    struct Constants {
        T rate, pull, share, decay;
        Mask<T> first, everywhere;  // the first step; decay that is not cautious
    };

    STEEPEST_HD static double warmed(const Prepare& in, double warmup_steps) {
        const double step = static_cast<double>(in.step);
        return step < warmup_steps ? in.lr * (step / warmup_steps) : in.lr;
    }

    STEEPEST_HD static Constants constants(const Prepare& in, double rate, double beta,
                                           double share, bool cautious) {
        const double c = share == share ? share : 1 / static_cast<double>(in.step);
        return {.rate = T(rate),
                .pull = T(rate * (1 - beta * (1 - c))),
                .share = T(c),
                .decay = T(in.weight_decay),
                .first = all_bits<T>(in.step == 1),
                .everywhere = all_bits<T>(!cautious)};
    }

    template <class C>
    STEEPEST_HD static STEEPEST_INLINE void move(const C& c, T& y, T direction, T& z) {
        const bool outwards = ((y > 0) & (direction < 0)) | ((y < 0) & (direction > 0));
        const T decay = masked(c.decay * y, all_bits<T>(!outwards) | c.everywhere);
        // Not d + 0 y: an infinite parameter would make it NaN.
        const T d = c.decay != 0 ? direction + decay : direction;
        const T from = chosen(c.first, y, z);
        y = (y + c.share * (from - y)) - c.pull * d;
        z = from - c.rate * d;
    }
};

template <class T>
struct ScheduleFreeSgd : ScheduleFreeCore<T> {
    using Core = ScheduleFreeCore<T>;
    using typename Core::Constants;
    enum { kMomentum, kWarmup, kWeight, kCautious };

    static constexpr RuleSpec spec = {
        .name = "schedule_free_sgd",
        .class_name = "",
        .summary = "Schedule-Free SGD: gradients at a point between iterate and average.",
        .source =
            "Defazio et al., arXiv 2405.15682, equations 1 to 3, on y and z alone: "
            "d = g + weight_decay y, y += share (z - y) - r (1 - momentum (1 - share)) d, "
            "z -= r d, r = lr min(1, step / warmup_steps); params is y = (1 - momentum) z + "
            "momentum x, x the average. cautious: Chen et al., arXiv 2510.12402, decays only where "
            "g y >= 0",
        .decay = Decay::own,
        .lr = 1,
        .weight_decay = 0,
        .needs_step = true,
        .states = {kFreeIterate},
        .hypers = {{.name = "momentum",
                    .doc = "part of the average in the point where gradients are taken",
                    .value = {0.9},
                    .high = 1,
                    .high_open = true},
                   kWarmupSteps,
                   kShare,
                   kCautiousDecay},
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        return Core::constants(in, Core::warmed(in, in.hyper[kWarmup]), in.hyper[kMomentum],
                               in.hyper[kWeight], in.hyper[kCautious] != 0);
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& z) {
        Core::move(c, p, g, z);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
