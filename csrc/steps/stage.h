// What happens to gradient and parameter before a rule sees them: scaling, clipping, weight decay.
#pragma once

#include "core/target.h"
#include "steps/rule.h"

namespace steepest {

// In T, the precision of the arithmetic.
template <class T>
struct Stage {
    T grad_scale = 1;  // g / grad_scale
    T factor = 1;      // g * factor: the clip coefficient, negative to maximise
    T l2 = 0;          // g + l2 p
    T keep = 1;        // p * keep: decoupled decay

    STEEPEST_HD bool touches_gradient() const { return grad_scale != 1 || factor != 1 || l2 != 0; }
};

inline namespace STEEPEST_TARGET {

template <class T>
STEEPEST_HD STEEPEST_INLINE T staged_gradient(const Stage<T>& s, T g, T p) {
    if (s.grad_scale != 1) g = g / s.grad_scale;
    g = g * s.factor;
    // Not g + 0 p: an infinite parameter would make it NaN.
    return s.l2 != 0 ? g + s.l2 * p : g;
}

struct StageOptions {
    double grad_scale;
    double clip;
    bool maximize;
    Decay decay;
};

template <class T>
STEEPEST_HD inline Stage<T> make_stage(const StageOptions& o, double lr, double weight_decay) {
    return {.grad_scale = T(o.grad_scale),
            .factor = T(o.maximize ? -o.clip : o.clip),
            .l2 = T(o.decay == Decay::l2 ? weight_decay : 0),
            .keep = T(o.decay == Decay::decoupled ? 1 - lr * weight_decay : 1)};
}

// Bound of the global norm to clip coefficient. torch.nn.utils.clip_grad_norm_ has the same 1e-6.
STEEPEST_HD inline double clip_coefficient(double max_norm, double norm) {
    if (max_norm < 0 || max_norm == __builtin_inf()) return 1;
    const double coefficient = max_norm / (norm + 1e-6);
    return coefficient >= 1 ? 1 : coefficient;  // a NaN passes on
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
