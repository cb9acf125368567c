// What happens to gradient and parameter around a rule: scaling, clipping, weight decay.
#pragma once

#include "core/target.h"
#include "steps/rule.h"

namespace steepest {

// In T, the precision of the arithmetic.
template <class T>
struct Stage {
    T grad_scale = 1;              // g / grad_scale
    T factor = 1;                  // g * factor: the clip coefficient, negative to maximise
    T bound = T(__builtin_inf());  // of the size of g after that
    T l2 = 0;                      // g + l2 p
    T keep = 1;                    // p * keep: decoupled decay
    T masked_keep = 1;             // instead of keep where the update moves p outwards

    STEEPEST_HD bool touches_gradient() const {
        return grad_scale != 1 || factor != 1 || l2 != 0 || bound != T(__builtin_inf());
    }
    STEEPEST_HD bool is_cautious() const { return masked_keep != keep; }
    // Whether a loop over elements that knows nothing but `keep` will not do.
    STEEPEST_HD bool needs_more_than_keep() const { return touches_gradient() || is_cautious(); }
};

inline namespace STEEPEST_TARGET {

template <class T>
STEEPEST_HD STEEPEST_INLINE T staged_gradient(const Stage<T>& s, T g, T p) {
    if (s.grad_scale != 1) g = g / s.grad_scale;
    g = g * s.factor;
    g = g > s.bound ? s.bound : g < -s.bound ? -s.bound : g;  // a NaN passes on
    // Not g + 0 p: an infinite parameter would make it NaN.
    return s.l2 != 0 ? g + s.l2 * p : g;
}

// What a parameter is multiplied by: `keep`, or `masked_keep` where a step against `direction`
// moves it outwards. Signs are compared, since a product might underflow.
template <class T>
STEEPEST_HD STEEPEST_INLINE T kept(T p, T direction, T keep, T masked_keep) {
    const bool outwards = ((p > 0) & (direction < 0)) | ((p < 0) & (direction > 0));
    return outwards ? masked_keep : keep;
}

// Given to a rule instead of p it comes back as minus the update u, to the bit and whatever the
// signs of zeros: -0 - u is -u. So the sign of an update is known that is too small to be seen in
// p, and p keep + (-u) has the bits of p keep - u.
template <class T>
inline constexpr T kOnlyUpdate = -T(0);

// The parameter after the update and the decay that depends on it.
template <class T>
STEEPEST_HD STEEPEST_INLINE T decayed_step(T p, T minus_update, T keep, T masked_keep) {
    return p * kept(p, -minus_update, keep, masked_keep) + minus_update;
}

// Whether a number given as a bound is one.
STEEPEST_HD inline bool is_bound(double x) { return x > 0 && x != __builtin_inf(); }

struct StageOptions {
    double grad_scale;
    double clip;
    double max_value;
    bool maximize;
    Decay decay;
};

template <class T>
STEEPEST_HD inline Stage<T> make_stage(const StageOptions& o, double lr, double weight_decay) {
    const bool decoupled = o.decay == Decay::decoupled || o.decay == Decay::cautious;
    const T keep = T(decoupled ? 1 - lr * weight_decay : 1);
    return {.grad_scale = T(o.grad_scale),
            .factor = T(o.maximize ? -o.clip : o.clip),
            .bound = T(is_bound(o.max_value) ? o.max_value : __builtin_inf()),
            .l2 = T(o.decay == Decay::l2 ? weight_decay : 0),
            .keep = keep,
            .masked_keep = o.decay == Decay::cautious ? T(1) : keep};
}

// Bound of the global norm to clip coefficient. torch.nn.utils.clip_grad_norm_ has the same 1e-6.
STEEPEST_HD inline double clip_coefficient(double max_norm, double norm) {
    if (max_norm < 0 || max_norm == __builtin_inf()) return 1;
    const double coefficient = max_norm / (norm + 1e-6);
    return coefficient >= 1 ? 1 : coefficient;  // a NaN passes on
}

// The same for the norm of one tensor, which 0 does not bound.
STEEPEST_HD inline double tensor_coefficient(double max_norm, double norm) {
    return is_bound(max_norm) ? clip_coefficient(max_norm, norm) : 1;
}

// Of two bounds on one tensor the stricter counts: then both hold. A NaN passes on.
STEEPEST_HD STEEPEST_INLINE double stricter(double coefficient, double other) {
    return coefficient != coefficient || other >= coefficient ? coefficient : other;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
