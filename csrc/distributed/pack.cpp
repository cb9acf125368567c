// A worker's message: signs of the directions of all tensors, while the momenta move on.
#include <atomic>
#include <cmath>

#include "core/pieces.h"
#include "curvature/entry.h"
#include "distributed/plane.h"
#include "distributed/targets.h"

namespace steepest::distributed {
namespace {

struct SignJob {
    const steepest_sign_tensor* tensor;
    int64_t count;
    int64_t first_byte;  // in each plane
    bool is_f64;
    SignSetting<float> f32;
    SignSetting<double> f64;

    const void* setting() const {
        return is_f64 ? static_cast<const void*>(&f64) : static_cast<const void*>(&f32);
    }
};

struct SignCall {
    SignJob* jobs;
    int64_t count;
};

bool is_rate(double beta) { return beta >= 0 && beta < 1; }

steepest_status check_tensor(const steepest_sign_tensor& t) {
    const bool f64 = t.grad.dtype == STEEPEST_F64;
    if (!is_tensor(t.count, t.step, t.momentum.rounding == STEEPEST_STOCHASTIC))
        return STEEPEST_INVALID_ARGUMENT;
    if (!is_rate(t.beta1) || !is_rate(t.beta2)) return STEEPEST_INVALID_HYPER;
    if (t.momentum.dtype == STEEPEST_F16) return STEEPEST_INVALID_DTYPE;
    if (const auto status = check_given(t.grad, f64, t.count)) return status;
    return check_given(t.momentum, f64, t.count);
}

steepest_status check(const steepest_sign_args& a) {
    if (a.struct_size < sizeof a || a.tensor_size < sizeof(steepest_sign_tensor) ||
        a.tensor_count < 0 || (a.tensor_count && !a.tensors) || (a.bits != 1 && a.bits != 2))
        return STEEPEST_INVALID_ARGUMENT;
    if (!(a.grad_scale != 0) || std::isnan(a.grad_scale)) return STEEPEST_INVALID_HYPER;
    for (int64_t i = 0; i < a.tensor_count; ++i)
        if (const auto status = check_tensor(tensor_at(a.tensors, a.tensor_size, i))) return status;
    const int64_t size = plane_bytes_of(a) * a.bits;
    return a.message_size == size && (a.message || size == 0) ? STEEPEST_OK
                                                              : STEEPEST_INVALID_ARGUMENT;
}

template <class T>
SignSetting<T> setting_of(const steepest_sign_tensor& t, double grad_scale) {
    const Stage<T> stage = make_stage<T>({grad_scale, 1, 0, t.maximize != 0, Decay::own}, /*lr=*/0,
                                         /*weight_decay=*/0);
    return {.beta1 = T(t.beta1),
            .gain1 = T(1 - t.beta1),
            .beta2 = T(t.beta2),
            .gain2 = T(1 - t.beta2),
            .stage = stage,
            .staged = stage.touches_gradient()};
}

void lay_out(const steepest_sign_args& args, Arena& arena, SignCall& call) {
    call.count = args.tensor_count;
    call.jobs = arena.take<SignJob>(call.count);
    int64_t byte = 0;
    for (int64_t i = 0; call.jobs && i < call.count; ++i) {
        const steepest_sign_tensor& t = tensor_at(args.tensors, args.tensor_size, i);
        new (call.jobs + i) SignJob{.tensor = &t,
                                    .count = t.count,
                                    .first_byte = byte,
                                    .is_f64 = t.grad.dtype == STEEPEST_F64,
                                    .f32 = setting_of<float>(t, args.grad_scale),
                                    .f64 = setting_of<double>(t, args.grad_scale)};
        byte += plane_bytes(t.count);
    }
}

// Bytes [begin / 8, ...) of each plane of the tensor: pieces begin at multiples of kBlock.
int64_t pack_piece(const SignJob& job, const steepest_sign_args& args,
                   const DistributedKernels& kernels, int64_t begin, int64_t end) {
    const SignFn signs = kernels.signs[job.is_f64];
    TileOf grad(job.tensor->grad, {}, kernels);
    TileOf momentum(job.tensor->momentum, stream_of(*job.tensor, kMomentumPurpose), kernels);
    const int64_t plane = args.message_size / args.bits;
    char* message = static_cast<char*>(args.message) + job.first_byte;
    int64_t nans = 0;
    for (int64_t first = begin; first < end; first += kTile) {
        const int64_t n = std::min(kTile, end - first);
        SignWords words;
        nans +=
            signs(job.setting(), args.bits, grad.load(first, n), momentum.load(first, n), n, words);
        momentum.store(first, n);
        for (int k = 0; k < args.bits; ++k)
            std::memcpy(message + k * plane + first / 8, words.plane[k],
                        static_cast<size_t>(plane_bytes(n)));
    }
    return nans;
}

}  // namespace
}  // namespace steepest::distributed

using namespace steepest;
using namespace steepest::distributed;

steepest_status steepest_sign_workspace(const steepest_sign_args* args, size_t* size) {
    return curvature::measure_workspace<distributed::SignCall>(args, size, distributed::check);
}

steepest_status steepest_sign_pack(steepest_sign_args* args) {
    const auto body = [&](const distributed::SignCall& call, cpu::Target target) {
        const DistributedKernels& kernels = kernels_of(target);
        std::atomic<int64_t> nans{0};
        for_pieces(
            call, [](const distributed::SignJob&) { return true; },
            [&](const distributed::SignJob& job, int64_t begin, int64_t end) {
                nans += pack_piece(job, *args, kernels, begin, end);
            });
        args->nans = nans;
    };
    return curvature::run_on_cpu<distributed::SignCall>(args, distributed::check, body);
}
