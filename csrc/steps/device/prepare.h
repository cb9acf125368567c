// Constants that can only be made on the device: of a step or learning rate that lies there, or of
// a tensor's sums.
#pragma once

#include "steps/device/setting.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// What prepare reads; `sums` is null before the reduce pass.
STEEPEST_HD inline Prepare prepare_of(const Pass& pass, const Inputs& in, const double* sums) {
    Prepare prepare = in.prepare;
    prepare.hyper = in.hyper;
    prepare.sum = sums;
    if (pass.shares_rate) {
        prepare.step = pass.step;
        prepare.lr = pass.lr;
    }
    if (in.step_at) prepare.step = *in.step_at + 1;
    if (in.lr_at) prepare.lr = read_scalar<double>(in.lr_at, in.lr_is_f64);
    if (pass.list_norm) prepare.list_norm = *pass.list_norm * *pass.list_clip;
    return prepare;
}

// Moves the number that a rule keeps for a tensor, which prepare gets in T.
template <class R, class T>
STEEPEST_HD inline void move_tensor_state(const Pass& pass, const Tensor& t, Prepare& prepare) {
    constexpr int kState = kReducedStreams<R>;
    Raw<T> old;
    old.fetch_one(0, t.stream[kState], t.dtype[kState], 0);
    prepare.state = old.decode_one(0, t.dtype[kState]);
    const T value = T(R::next_state(prepare));
    prepare.state = value;
    store_state(pass, t, kState, 0, value, static_cast<uint32_t>(prepare.step));
}

// The stage is left without scale and clipping where the pass knows them better.
template <class R, class T>
STEEPEST_HD inline void make_constants(const Inputs& in, const Prepare& prepare, Constants& to) {
    const StageOptions options{in.grad_scale, 1, in.max_value, in.maximize, in.decay};
    if constexpr (sizeof(T) == 8)
        to.stage_f64 = make_stage<T>(options, prepare.lr, prepare.weight_decay);
    else
        to.stage_f32 = make_stage<T>(options, prepare.lr, prepare.weight_decay);
    *reinterpret_cast<typename R::Constants*>(to.constants) = R::prepare(prepare);
    to.step = prepare.step;
}

// One thread per setting.
template <class R, class T>
STEEPEST_HD inline void prepare_one(const Pass& pass, Thread thread) {
    const int64_t i = thread.global();
    if (i < pass.count)
        make_constants<R, T>(pass.inputs[i], prepare_of(pass, pass.inputs[i], nullptr),
                             pass.computed[i]);
}

// One thread per counter of applied steps.
STEEPEST_HD inline void advance_one(const Pass& pass, Thread thread) {
    const int64_t i = thread.global();
    if (i < pass.count && !is_skipped(pass)) ++*pass.counters[i];
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
