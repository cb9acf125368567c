// The step of all tensors with the direction that the votes hold.
#include <cmath>

#include "core/pieces.h"
#include "curvature/entry.h"
#include "distributed/plane.h"
#include "distributed/targets.h"

namespace steepest::distributed {
namespace {

struct StepJob {
    const steepest_voted_tensor* tensor;
    int64_t count;
    int64_t first_byte;  // in each plane
    bool is_f64;
    ApplySetting<float> f32;
    ApplySetting<double> f64;

    const void* setting() const {
        return is_f64 ? static_cast<const void*>(&f64) : static_cast<const void*>(&f32);
    }
};

struct StepCall {
    StepJob* jobs;
    int64_t count;
};

Coding coding_of(const steepest_vote_step_args& a) {
    return {static_cast<Form>(a.form), a.workers};
}

bool is_length(double x) { return x >= 0 && std::isfinite(x); }

steepest_status check_voted(const steepest_voted_tensor& t) {
    const bool f64 = t.param.dtype == STEEPEST_F64;
    if (!is_tensor(t.count, t.step, t.param.rounding || t.working_copy.rounding))
        return STEEPEST_INVALID_ARGUMENT;
    if (!is_length(t.lr) || !is_length(t.weight_decay)) return STEEPEST_INVALID_HYPER;
    if (const auto status = check_given(t.param, f64, t.count)) return status;
    if (!t.working_copy.data) return STEEPEST_OK;
    return f64 ? STEEPEST_INVALID_DTYPE : check_array(t.working_copy, false);
}

steepest_status check(const steepest_vote_step_args& a) {
    if (a.struct_size < sizeof a || a.tensor_size < sizeof(steepest_voted_tensor) ||
        a.tensor_count < 0 || (a.tensor_count && !a.tensors) || a.form < 0 ||
        a.form > STEEPEST_VOTE_SUM_OF_TERNARY || a.workers < 1 || a.workers > kMostWorkers)
        return STEEPEST_INVALID_ARGUMENT;
    for (int64_t i = 0; i < a.tensor_count; ++i)
        if (const auto status = check_voted(tensor_at(a.tensors, a.tensor_size, i))) return status;
    const int64_t size = plane_bytes_of(a) * coding_of(a).planes();
    return a.votes_size == size && (a.votes || size == 0) ? STEEPEST_OK : STEEPEST_INVALID_ARGUMENT;
}

// As the stage of a step with decoupled decay has it.
template <class T>
ApplySetting<T> apply_setting(const steepest_voted_tensor& t) {
    const StageOptions stage = {1, 1, 0, false, Decay::decoupled};
    return {.lr = T(t.lr), .keep = make_stage<T>(stage, t.lr, t.weight_decay).keep};
}

void lay_out(const steepest_vote_step_args& args, Arena& arena, StepCall& call) {
    call.count = args.tensor_count;
    call.jobs = arena.take<StepJob>(call.count);
    int64_t byte = 0;
    for (int64_t i = 0; call.jobs && i < call.count; ++i) {
        const steepest_voted_tensor& t = tensor_at(args.tensors, args.tensor_size, i);
        new (call.jobs + i) StepJob{.tensor = &t,
                                    .count = t.count,
                                    .first_byte = byte,
                                    .is_f64 = t.param.dtype == STEEPEST_F64,
                                    .f32 = apply_setting<float>(t),
                                    .f64 = apply_setting<double>(t)};
        byte += plane_bytes(t.count);
    }
}

void read_votes(const char* votes, int64_t plane, int planes, int64_t n, VoteWords& words) {
    const auto bytes = static_cast<size_t>(plane_bytes(n));
    for (int k = 0; k < planes; ++k) {
        words.plane[k][(bytes - 1) / 8] = 0;
        std::memcpy(words.plane[k], votes + k * plane, bytes);
    }
}

void step_piece(const StepJob& job, const steepest_vote_step_args& args,
                const DistributedKernels& kernels, int64_t begin, int64_t end) {
    const steepest_voted_tensor& t = *job.tensor;
    const Coding coding = coding_of(args);
    const int64_t plane = args.votes_size / coding.planes();
    const char* votes = static_cast<const char*>(args.votes) + job.first_byte;
    TileOf param(t.param, stream_of(t, kParamPurpose), kernels);
    TileOf copy(t.working_copy, stream_of(t, kCopyPurpose), kernels);
    for (int64_t first = begin; first < end; first += kTile) {
        const int64_t n = std::min(kTile, end - first);
        VoteWords words;
        read_votes(votes + first / 8, plane, coding.planes(), n, words);
        void* values = param.load(first, n);
        kernels.apply[job.is_f64](job.setting(), coding, words, values, n);
        param.store(first, n);
        if (t.working_copy.data) copy.store_from(values, first, n);
    }
}

}  // namespace
}  // namespace steepest::distributed

using namespace steepest;

steepest_status steepest_vote_step_workspace(const steepest_vote_step_args* args, size_t* size) {
    return curvature::measure_workspace<distributed::StepCall>(args, size, distributed::check);
}

steepest_status steepest_vote_step(const steepest_vote_step_args* args) {
    const auto body = [&](const distributed::StepCall& call, cpu::Target target) {
        const auto& kernels = distributed::kernels_of(target);
        for_pieces(
            call, [](const distributed::StepJob&) { return true; },
            [&](const distributed::StepJob& job, int64_t begin, int64_t end) {
                distributed::step_piece(job, *args, kernels, begin, end);
            });
    };
    return curvature::run_on_cpu<distributed::StepCall, const steepest_vote_step_args>(
        args, distributed::check, body);
}
