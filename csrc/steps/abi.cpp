// The C entries of the fused steps.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "core/fence.h"
#include "core/parallel.h"
#include "core/reduce.h"
#include "core/stream.h"
#include "steepest/steepest.h"
#include "steps/device/driver.h"
#include "steps/driver.h"

namespace {

using namespace steepest;

bool is_aligned(const void* workspace) {
    return reinterpret_cast<uintptr_t>(workspace) % Arena::kAlignment == 0;
}

void describe(const StateSpec& s, steepest_state_info& to) {
    to = {s.name,     s.doc,      static_cast<int32_t>(s.kind), static_cast<int32_t>(s.form),
          s.optional, s.needed_by};
}

void describe(const HyperSpec& h, steepest_hyper_info& to) {
    to = {h.name, h.doc,       h.choices, {h.value[0], h.value[1], h.value[2]}, h.low,
          h.high, h.high_open, h.length,  static_cast<int32_t>(h.type),         h.none_allowed};
}

void give_norms(const steepest_step_args& args, const Call& call, const GradientSums& sums) {
    if (args.tensor_norms)
        for (int64_t j = 0; j < call.count; ++j)
            args.tensor_norms[j] = call.norms[j] / args.grad_scale;
    if (args.total_norm) *args.total_norm = args.grad_norm;
    if (args.finite) *args.finite = sums.finite();
}

void set_clips(const steepest_step_args& args, const Call& call) {
    const double all = clip_coefficient(args.max_grad_norm, args.grad_norm);
    for (int64_t j = 0; j < call.count; ++j) {
        call.jobs[j].clip = all;
        if (!call.norms) continue;
        const double norm = call.norms[j] / args.grad_scale;
        call.jobs[j].clip = stricter(all, tensor_coefficient(args.max_tensor_norm, norm));
    }
}

// Sets stages and constants. False where the step is to be skipped.
bool set_up(steepest_step_args& args, const StepKernels& kernels, Call& call) {
    if (call.needs_norm) {
        const GradientSums sums = sum_gradients(call, kernels, call.norms);
        args.grad_norm = std::sqrt(sums.squares) / args.grad_scale;
        args.skipped = args.skip_nonfinite && !sums.finite();
        give_norms(args, call, sums);
        if (args.skipped) return false;
        set_clips(args, call);
    }
    prepare_jobs(args, call);
    return true;
}

void run(steepest_step_args& args, const StepKernels& kernels, Call& call) {
    if (!set_up(args, kernels, call)) return;
    run_axes(call, kernels);
    run_rows(call, kernels);
    run_sums(call, kernels);
    run_apply(call, kernels);
    store_maxima(call, kernels);
}

// Jobs that have a gradient only.
void lay_out_norms(int64_t count, const steepest_array* arrays, const int64_t* sizes, Arena& arena,
                   Call& call) {
    int64_t blocks = 0;
    call = {};
    call.count = count;
    call.jobs = arena.take<Job>(count);
    for (int64_t i = 0; i < count; ++i) {
        blocks += (sizes[i] + kBlock - 1) / kBlock;
        if (!call.jobs) continue;
        Job& job = *new (call.jobs + i) Job{};
        job.count = arrays[i].data ? sizes[i] : 0;
        job.is_f64 = arrays[i].dtype == STEEPEST_F64;
        job.operand[1] = {.data = arrays[i].data, .dtype = static_cast<DType>(arrays[i].dtype)};
    }
    call.norm_partial = arena.take<double>(2 * blocks);
    call.norm_sum = arena.take<double>(2 * count);
}

bool are_arrays(const steepest_norm_args& a) {
    if (a.struct_size < sizeof a || a.count < 0 || (a.count && (!a.arrays || !a.sizes)))
        return false;
    for (int64_t i = 0; i < a.count; ++i)
        if (a.sizes[i] < 0 || a.sizes[i] > kMostElements || a.arrays[i].dtype < 0 ||
            a.arrays[i].dtype >= kDTypes)
            return false;
    return true;
}

// Calls work(kernels, call) on what the arguments lay out in the workspace.
template <class Work>
steepest_status on_cpu(const steepest_step_args& args, Work&& work) {
    cpu::Target target;
    if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
    Arena arena(args.workspace, args.workspace_size);
    Call call;
    lay_out(args, arena, call);
    if (!arena.fits()) return STEEPEST_WORKSPACE_TOO_SMALL;
    work(step_kernels_of(target), call);
    return STEEPEST_OK;
}

steepest_status step_on_cpu(steepest_step_args& args) {
    return on_cpu(args, [&](const StepKernels& kernels, Call& call) { run(args, kernels, call); });
}

steepest_status list_sums_on_cpu(steepest_step_args& args, int terms, double* sums) {
    return on_cpu(args, [&](const StepKernels& kernels, Call& call) {
        std::fill_n(sums, terms, 0.0);
        if (set_up(args, kernels, call)) sum_list(call, kernels, terms, sums);
    });
}

void clear_results(steepest_step_args& args) {
    args.skipped = 0;
    args.grad_norm = std::numeric_limits<double>::quiet_NaN();
    args.skipped_at = nullptr;
    args.grad_norm_at = nullptr;
}

steepest_status norm_on_cpu(const steepest_norm_args& args) {
    cpu::Target target;
    if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
    Arena arena(args.workspace, args.workspace_size);
    Call call;
    lay_out_norms(args.count, args.arrays, args.sizes, arena, call);
    if (!arena.fits()) return STEEPEST_WORKSPACE_TOO_SMALL;
    const GradientSums sums = sum_gradients(call, step_kernels_of(target), args.norms);
    *args.total = std::sqrt(sums.squares);
    *args.finite = sums.finite();
    return STEEPEST_OK;
}

}  // namespace

int steepest_rule_count(void) { return rule_count(); }

int steepest_rule_find(const char* name) { return name ? find_rule(name) : -1; }

steepest_status steepest_rule_describe(int rule, steepest_rule_info* info) {
    if (!info || info->struct_size < sizeof(steepest_rule_info)) return STEEPEST_INVALID_ARGUMENT;
    if (rule < 0 || rule >= rule_count()) return STEEPEST_UNKNOWN_RULE;
    const RuleSpec& s = host_rule(rule).spec;
    const size_t size = info->struct_size;
    std::memset(info, 0, sizeof *info);
    info->struct_size = size;
    info->name = s.name;
    info->class_name = s.class_name;
    info->summary = s.summary;
    info->source = s.source;
    info->vector_rule = s.vector_rule;
    info->lr = s.lr;
    info->weight_decay = s.weight_decay;
    info->decay = static_cast<int32_t>(s.decay);
    info->needs_step = s.needs_step;
    info->state_count = count_states(s);
    info->hyper_count = count_hypers(s);
    info->is_public = s.is_public;
    info->row_sums = host_rule(rule).row_terms > 0;
    info->list_terms = host_rule(rule).list_terms;
    for (int i = 0; i < info->state_count; ++i) describe(s.states[i], info->states[i]);
    for (int i = 0; i < info->hyper_count; ++i) describe(s.hypers[i], info->hypers[i]);
    return STEEPEST_OK;
}

steepest_status steepest_step_workspace(const steepest_step_args* args, size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        if (args->stream)
            return on_stream(args->device, args->stream, [&](device::Backend& backend) {
                return device::step_sizes(*args, backend, size, nullptr);
            });
        Arena arena(nullptr, 0);
        Call call;
        lay_out(*args, arena, call);
        *size = arena.used();
        return STEEPEST_OK;
    });
}

steepest_status steepest_step_mirror(const steepest_step_args* args, size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        *size = 0;
        if (!args->stream) return STEEPEST_OK;
        return on_stream(args->device, args->stream, [&](device::Backend& backend) {
            return device::step_sizes(*args, backend, nullptr, size);
        });
    });
}

steepest_status steepest_step(steepest_step_args* args) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        // The preparation of constants too must not see the caller's mode.
        FloatingPointGuard guard;
        if (const auto status = check(*args)) return status;
        clear_results(*args);
        if (!is_aligned(args->workspace)) return STEEPEST_INVALID_ARGUMENT;
        if (!args->stream) return step_on_cpu(*args);
        return on_stream(args->device, args->stream,
                         [&](device::Backend& backend) { return device::step(*args, backend); });
    });
}

steepest_status steepest_list_sums_workspace(const steepest_step_args* args, size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        if (list_terms(*args) == 0) return STEEPEST_INVALID_ARGUMENT;
        if (!args->stream) return steepest_step_workspace(args, size);
        return on_stream(args->device, args->stream, [&](device::Backend& backend) {
            return device::list_sums_size(*args, backend, size);
        });
    });
}

steepest_status steepest_list_sums(steepest_step_args* args, double* sums) {
    if (!args || !sums) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args)) return status;
        clear_results(*args);
        const int terms = list_terms(*args);
        if (terms == 0 || !is_aligned(args->workspace)) return STEEPEST_INVALID_ARGUMENT;
        if (!args->stream) return list_sums_on_cpu(*args, terms, sums);
        return on_stream(args->device, args->stream, [&](device::Backend& backend) {
            return device::list_sums(*args, terms, sums, backend);
        });
    });
}

steepest_status steepest_grad_norm_workspace(const steepest_norm_args* args, size_t* size) {
    if (!args || !size || !are_arrays(*args)) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (args->stream)
            return on_stream(args->device, args->stream, [&](device::Backend& backend) {
                return device::grad_norm_size(*args, backend, size);
            });
        Arena arena(nullptr, 0);
        Call call;
        lay_out_norms(args->count, nullptr, args->sizes, arena, call);
        *size = arena.used();
        return STEEPEST_OK;
    });
}

steepest_status steepest_grad_norm(const steepest_norm_args* args) {
    if (!args || !are_arrays(*args) || !args->total || !args->finite ||
        (args->count && !args->norms) || !is_aligned(args->workspace))
        return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (!args->stream) return norm_on_cpu(*args);
        return on_stream(args->device, args->stream, [&](device::Backend& backend) {
            return device::grad_norm(*args, backend);
        });
    });
}
