// From the C arguments to jobs.
#include <cmath>
#include <new>

#include "core/reduce.h"
#include "steps/call.h"
#include "steps/jobs.h"

namespace steepest {

int64_t Job::blocks() const { return (count + kBlock - 1) / kBlock; }

int Job::hyper_count() const {
    int n = 0;
    for (int h = 0; h < count_hypers(rule->spec); ++h) n += rule->spec.hypers[h].length;
    return n;
}

namespace {

template <class Visit>
void each_tensor(const steepest_step_args& args, Visit&& visit) {
    const char* group_bytes = reinterpret_cast<const char*>(args.groups);
    for (int64_t g = 0; g < args.group_count; ++g, group_bytes += args.group_size) {
        const auto& group = *reinterpret_cast<const steepest_group*>(group_bytes);
        const char* bytes = reinterpret_cast<const char*>(group.tensors);
        for (int64_t i = 0; i < group.tensor_count; ++i, bytes += args.tensor_size)
            visit(group, *reinterpret_cast<const steepest_tensor*>(bytes));
    }
}

bool is_idle(const steepest_tensor& t) { return t.count == 0 || !t.grad.data; }

Operand operand(const steepest_array& a, int stream) {
    return {.data = a.data,
            .dtype = static_cast<DType>(a.dtype),
            .rounding = static_cast<Rounding>(a.rounding),
            .purpose = kRoundingPurpose + static_cast<uint32_t>(stream)};
}

bool is_direct(const Job& job) {
    if (job.copy.data || job.has_axes() || job.is_in_place()) return false;
    for (int s = 0; s < job.streams; ++s) {
        const Operand& o = job.operand[s];
        if (!o.data || o.dtype != (job.is_f64 ? DType::f64 : DType::f32)) return false;
    }
    return true;
}

// Numbers in T, which lie in `axis_new`.
Operand row_values(const Job& job) {
    return {.data = nullptr,
            .dtype = job.is_f64 ? DType::f64 : DType::f32,
            .rounding = Rounding::nearest,
            .purpose = 0};
}

const double* hypers_of(const steepest_group& group, const HostRule& rule) {
    return group.hyper_count ? group.hyper : rule.defaults;
}

void fill_job(Job& job, const steepest_group& group, const steepest_tensor& t, uint64_t seed) {
    job.tensor = &t;
    job.rule_id = group.rule;
    job.rule = &host_rule(group.rule);
    job.count = is_idle(t) ? 0 : t.count;
    job.streams = 2 + count_passed(job.rule->spec) + job.has_rows();
    job.geometry = {.rows = t.rows, .cols = t.cols, .column_major = t.column_major != 0};
    if (job.has_rows() && t.rows == 0) job.geometry = {1, t.count, false};
    job.random = {
        .seed = seed, .purpose = 0, .draw = static_cast<uint32_t>(t.step), .tensor = t.id};
    job.is_f64 = t.param.dtype == STEEPEST_F64;
    job.operand[0] = operand(t.param, 0);
    job.operand[1] = operand(t.grad, 1);
    for (int s = 2; s < job.arrays(); ++s)
        job.operand[s] = job.is_row_value(s) ? row_values(job) : operand(t.state[s - 2], s);
    job.copy = operand(t.working_copy, kMaxStreams);
    job.direct = is_direct(job);
    job.clip = 1;
    job.settings = nullptr;
    job.partial = nullptr;
}

void take_axes(Job& job, int64_t count, Arena& arena) {
    const int64_t batch = count / job.geometry.size();
    const int64_t bytes = job.is_f64 ? 8 : 4;
    job.axis_new[0] = arena.take<char>(batch * job.geometry.rows * bytes);
    job.axis_new[1] = arena.take<char>(job.has_rows() ? 0 : batch * job.geometry.cols * bytes);
}

// A rule with a decay of its own leaves none to the stage.
Decay stage_decay(const steepest_group& group) {
    const bool own = host_rule(group.rule).spec.decay == Decay::own;
    return own ? Decay::own : static_cast<Decay>(group.decay);
}

void set_up(Job& job, Settings& to) {
    const StageOptions& options = job.stage_options;
    if (job.is_f64)
        to.stage_f64 = make_stage<double>(options, job.prepare.lr, job.prepare.weight_decay);
    else
        to.stage_f32 = make_stage<float>(options, job.prepare.lr, job.prepare.weight_decay);
    job.rule->prepare[job.is_f64](job.prepare, to.constants);
    job.settings = &to;
}

bool can_share(const Job& job, const Job& with) {
    return !job.has_sums() && job.is_f64 == with.is_f64 && job.prepare.step == with.prepare.step &&
           job.prepare.lr == with.prepare.lr &&
           job.prepare.weight_decay == with.prepare.weight_decay &&
           job.prepare.hyper == with.prepare.hyper &&
           job.prepare.param_eps == with.prepare.param_eps && job.clip == with.clip &&
           job.tensor->step_at == with.tensor->step_at &&
           job.tensor->lr_at.data == with.tensor->lr_at.data;
}

bool needs_norm(const steepest_step_args& args) {
    const bool clips = args.max_grad_norm >= 0 && !std::isinf(args.max_grad_norm);
    return clips || is_bound(args.max_tensor_norm) || args.skip_nonfinite || args.tensor_norms ||
           args.total_norm || args.finite;
}

}  // namespace

void lay_out(const steepest_step_args& args, Arena& arena, Call& call, bool sums) {
    int64_t tensors = 0, blocks = 0;
    PassScratch scratch;
    call.needs_norm = false;
    bool over_list = false;
    each_tensor(args, [&](const steepest_group&, const steepest_tensor&) { ++tensors; });
    call.count = tensors;
    call.jobs = arena.take<Job>(tensors);
    Settings* settings = arena.take<Settings>(tensors);
    int64_t at = 0;
    each_tensor(args, [&](const steepest_group& group, const steepest_tensor& t) {
        Job local;
        Job& job = call.jobs ? *new (call.jobs + at) Job : local;
        fill_job(job, group, t, args.seed);
        if (call.jobs) job.settings = settings + at;
        if (job.rule->needs_list_norm && job.rule->needs_list_norm(hypers_of(group, *job.rule)))
            call.needs_norm = true;
        const int64_t n =
            t.count;  // whether or not a gradient is there: the size must not depend on it
        const int64_t job_blocks = (n + kBlock - 1) / kBlock;
        if (!sums) return void(++at);
        if (job.terms()) job.partial = arena.take<double>(job_blocks * job.terms());
        over_list = over_list || job.has_list_sums();
        if ((job.moves_axes() || job.has_rows()) && n > 0) {
            take_axes(job, n, arena);
            scratch.include(n, job.has_rows() ? row_scratch_size(*job.rule, job.geometry)
                                              : axis_scratch_size(job.geometry, n));
        }
        blocks += job_blocks;
        ++at;
    });
    call.needs_norm = call.needs_norm || needs_norm(args);
    if (!sums) return;
    call.norm_partial = arena.take<double>(call.needs_norm ? 2 * blocks : 0);
    call.norm_sum = arena.take<double>(call.needs_norm ? 2 * tensors : 0);
    call.list_sum = arena.take<double>(over_list ? tensors : 0);
    const bool each = call.needs_norm && (is_bound(args.max_tensor_norm) || args.tensor_norms);
    call.norms = each ? arena.take<double>(tensors) : nullptr;
    call.pass_scratch = arena.take<double>(scratch.total());
    call.small_scratch = scratch.small;
}

void prepare_jobs(const steepest_step_args& args, Call& call) {
    int64_t at = 0;
    const steepest_group* last_group = nullptr;
    const Job* last = nullptr;
    each_tensor(args, [&](const steepest_group& group, const steepest_tensor& t) {
        Job& job = call.jobs[at++];
        if (job.count == 0) return;
        job.prepare = {
            .step = t.step,
            .lr = t.lr,
            .weight_decay = t.weight_decay,
            .hyper = hypers_of(group, *job.rule),
            .count = static_cast<double>(t.count),
            .row_length = static_cast<double>(t.cols),
            .param_eps = epsilon_of(static_cast<DType>(t.param.dtype)),
            .seed = args.seed,
            .list_norm = args.grad_norm * clip_coefficient(args.max_grad_norm, args.grad_norm),
            .state = 0,
            .sum = nullptr};
        job.stage_options = {args.grad_scale, job.clip, args.max_grad_value, group.maximize != 0,
                             stage_decay(group)};
        if (last && last_group == &group && can_share(job, *last)) {
            job.settings = last->settings;
            job.staged = last->staged;
        } else {
            set_up(job, *job.settings);
            job.staged = job.is_f64 ? job.settings->stage_f64.needs_more_than_keep()
                                    : job.settings->stage_f32.needs_more_than_keep();
        }
        last = &job;
        last_group = &group;
    });
}

}  // namespace steepest
