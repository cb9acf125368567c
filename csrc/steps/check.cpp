// Checks of a step's arguments, all before the first write.
#include <cmath>

#include "steps/call.h"

namespace steepest {
namespace {

bool in_range(const HyperSpec& h, double x) {
    if (std::isnan(x)) return h.none_allowed;
    return x >= h.low && (h.high_open ? x < h.high : x <= h.high);
}

steepest_status check_hypers(const RuleSpec& spec, const steepest_group& group) {
    if (group.hyper_count == 0) return STEEPEST_OK;
    int at = 0;
    for (int h = 0; h < count_hypers(spec); ++h)
        for (int k = 0; k < spec.hypers[h].length; ++k, ++at)
            if (at >= group.hyper_count || !in_range(spec.hypers[h], group.hyper[at]))
                return STEEPEST_INVALID_HYPER;
    return at == group.hyper_count ? STEEPEST_OK : STEEPEST_INVALID_HYPER;
}

bool known(const steepest_array& a) {
    return a.dtype >= 0 && a.dtype < kDTypes && (a.rounding == 0 || a.rounding == 1);
}

bool is(const steepest_array& a, steepest_dtype t) { return a.dtype == t; }

steepest_status check_dtypes(const RuleSpec& spec, const steepest_tensor& t) {
    const bool f64 = is(t.param, STEEPEST_F64);
    if (!known(t.param) || !known(t.grad) || is(t.grad, STEEPEST_F64) != f64)
        return STEEPEST_INVALID_DTYPE;
    for (int s = 0; s < count_states(spec); ++s) {
        const steepest_array& a = t.state[s];
        if (!a.data) continue;
        if (!known(a) || is(a, STEEPEST_F64) != f64 || is(a, STEEPEST_F16))
            return STEEPEST_INVALID_DTYPE;
    }
    if (t.working_copy.data && (!known(t.working_copy) || f64 || is(t.working_copy, STEEPEST_F64)))
        return STEEPEST_INVALID_DTYPE;
    return STEEPEST_OK;
}

bool is_random(const steepest_tensor& t) {
    bool random = t.param.rounding || t.working_copy.rounding;
    for (const steepest_array& a : t.state) random = random || a.rounding;
    return random;
}

bool may_miss(const StateSpec& state, const double* hyper) {
    return state.optional && (state.needed_by < 0 || hyper[state.needed_by] == 0);
}

// The tensor is a whole number of matrices, one when it is column-major.
bool is_matrices(const steepest_tensor& t) {
    int64_t size = 0;
    if (t.rows < 1 || t.cols < 1 || __builtin_mul_overflow(t.rows, t.cols, &size)) return false;
    return t.column_major ? t.count == size : t.count % size == 0;
}

// Rows of a whole tensor, or none of one with fewer than two dimensions.
bool is_rows(const steepest_tensor& t) {
    return (t.rows == 0 && t.cols == 0) || (is_matrices(t) && t.rows * t.cols == t.count);
}

// One number on the device, or none.
bool is_scalar(const steepest_array& a) {
    return !a.data || is(a, STEEPEST_F32) || is(a, STEEPEST_F64);
}

bool is_aligned(const void* data, int64_t size) {
    return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(size) == 0;
}

bool is_aligned(const steepest_array& a) {
    return is_aligned(a.data, size_of(static_cast<DType>(a.dtype)));
}

// A device that meets a misaligned address cannot be used any more.
bool all_aligned(const RuleSpec& spec, const steepest_tensor& t) {
    bool aligned = is_aligned(t.param) && is_aligned(t.grad) && is_aligned(t.step_at, 8);
    for (int s = 0; s < count_states(spec); ++s)
        aligned = aligned && (!t.state[s].data || is_aligned(t.state[s]));
    return aligned && (!t.working_copy.data || is_aligned(t.working_copy)) &&
           (!t.lr_at.data || is_aligned(t.lr_at));
}

steepest_status check_tensor(const HostRule& rule, const double* hyper, const steepest_tensor& t,
                             bool on_stream) {
    const RuleSpec& spec = rule.spec;
    if (t.count < 0 || t.count > kMostElements) return STEEPEST_INVALID_ARGUMENT;
    if (rule.axes && t.count > 0 && !(rule.row_terms ? is_rows(t) : is_matrices(t)))
        return STEEPEST_INVALID_ARGUMENT;
    if (t.count == 0 || !t.grad.data) return STEEPEST_OK;
    if (!t.param.data) return STEEPEST_INVALID_ARGUMENT;
    for (int s = 0; s < count_states(spec); ++s)
        if (!t.state[s].data && !may_miss(spec.states[s], hyper)) return STEEPEST_INVALID_ARGUMENT;
    if ((t.step_at || t.lr_at.data) && !on_stream) return STEEPEST_INVALID_ARGUMENT;
    if (!is_scalar(t.lr_at)) return STEEPEST_INVALID_DTYPE;
    if ((spec.needs_step || is_random(t)) && !t.step_at && t.step < 1)
        return STEEPEST_INVALID_ARGUMENT;
    const bool lr_is_right = t.lr_at.data || (t.lr >= 0 && !std::isinf(t.lr));
    if (!lr_is_right || !(t.weight_decay >= 0) || std::isinf(t.weight_decay))
        return STEEPEST_INVALID_HYPER;
    if (const auto s = check_dtypes(spec, t)) return s;
    return on_stream && !all_aligned(spec, t) ? STEEPEST_INVALID_ARGUMENT : STEEPEST_OK;
}

const steepest_group& group_at(const steepest_step_args& a, int64_t g) {
    return *reinterpret_cast<const steepest_group*>(reinterpret_cast<const char*>(a.groups) +
                                                    static_cast<size_t>(g) * a.group_size);
}

const steepest_tensor& tensor_at(const steepest_step_args& a, const steepest_group& group,
                                 int64_t i) {
    return *reinterpret_cast<const steepest_tensor*>(reinterpret_cast<const char*>(group.tensors) +
                                                     static_cast<size_t>(i) * a.tensor_size);
}

// A tensor without a gradient needs none.
bool has_all_states(const RuleSpec& spec, const steepest_tensor& t) {
    if (t.count == 0 || !t.grad.data) return true;
    for (int s = 0; s < count_states(spec); ++s)
        if (!t.state[s].data) return false;
    return true;
}

}  // namespace

int list_terms(const steepest_step_args& args) {
    if (args.group_count == 0) return 0;
    const HostRule& rule = host_rule(group_at(args, 0).rule);
    for (int64_t g = 0; g < args.group_count; ++g) {
        const steepest_group& group = group_at(args, g);
        if (group.rule != group_at(args, 0).rule) return 0;
        for (int64_t i = 0; i < group.tensor_count; ++i)
            if (!has_all_states(rule.spec, tensor_at(args, group, i))) return 0;
    }
    return rule.list_terms;
}

steepest_status check(const steepest_step_args& args) {
    if (args.struct_size < sizeof(steepest_step_args) || args.group_size < sizeof(steepest_group) ||
        args.tensor_size < sizeof(steepest_tensor) || args.group_count < 0 ||
        (args.group_count && !args.groups))
        return STEEPEST_INVALID_ARGUMENT;
    // Divides in float, where it must be neither 0 nor infinite.
    if (!(args.grad_scale >= 0x1p-126 && args.grad_scale <= 0x1p127) ||
        std::isnan(args.max_grad_norm) || std::isnan(args.max_tensor_norm) ||
        std::isnan(args.max_grad_value))
        return STEEPEST_INVALID_HYPER;
    if (args.grad_scale_at.data && !args.stream) return STEEPEST_INVALID_ARGUMENT;
    if (!is_scalar(args.grad_scale_at)) return STEEPEST_INVALID_DTYPE;
    for (int64_t g = 0; g < args.group_count; ++g) {
        const steepest_group& group = group_at(args, g);
        if (group.rule < 0 || group.rule >= rule_count()) return STEEPEST_UNKNOWN_RULE;
        if (group.tensor_count < 0 || (group.tensor_count && !group.tensors) || group.decay < 0 ||
            group.decay > STEEPEST_DECAY_CAUTIOUS || (group.hyper_count && !group.hyper))
            return STEEPEST_INVALID_ARGUMENT;
        const HostRule& rule = host_rule(group.rule);
        if (group.decay == STEEPEST_DECAY_CAUTIOUS && rule.spec.decay == Decay::own)
            return STEEPEST_INVALID_ARGUMENT;
        if (const auto s = check_hypers(rule.spec, group)) return s;
        const double* hyper = group.hyper_count ? group.hyper : rule.defaults;
        for (int64_t i = 0; i < group.tensor_count; ++i) {
            const steepest_tensor& t = tensor_at(args, group, i);
            if (const auto s = check_tensor(rule, hyper, t, args.stream != nullptr)) return s;
        }
    }
    return STEEPEST_OK;
}

}  // namespace steepest
