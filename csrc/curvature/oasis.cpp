// steepest_oasis_measure: checks the arguments, and walks the tensors.
#include <new>

#include "core/pieces.h"
#include "core/stream.h"
#include "curvature/call.h"
#include "curvature/device/oasis_driver.h"
#include "curvature/entry.h"
#include "curvature/oasis_args.h"
#include "curvature/targets.h"

namespace {

using namespace steepest;
using namespace steepest::curvature;

struct OasisJob {
    OasisArrays array;
    int64_t count;
    OasisOptions options;
    double* moved;  // sums of the blocks
    double* turned;

    bool is_f64() const { return array[0]->dtype == STEEPEST_F64; }
    int64_t blocks() const { return (count + kBlock - 1) / kBlock; }
};

struct OasisCall {
    OasisJob* jobs;
    int64_t count;
    double *moved, *turned;  // sums of the tensors
};

OasisJob job_of(const steepest_oasis_tensor& t, const steepest_oasis_args& a) {
    return {.array = arrays_of(t),
            .count = t.count,
            .options = options_of(t, a),
            .moved = nullptr,
            .turned = nullptr};
}

steepest_status check_array(const steepest_oasis_array& a, bool is_f64) {
    if (a.dtype < 0 || a.dtype >= kDTypes || (a.dtype == STEEPEST_F64) != is_f64)
        return STEEPEST_INVALID_DTYPE;
    const auto size = static_cast<uintptr_t>(size_of(static_cast<DType>(a.dtype)));
    return reinterpret_cast<uintptr_t>(a.values) % size ? STEEPEST_INVALID_ARGUMENT : STEEPEST_OK;
}

steepest_status check_tensor(const steepest_oasis_tensor& t, const steepest_oasis_args& args) {
    const OasisJob job = job_of(t, args);
    if (t.count < 0 || t.count > kMostElements) return STEEPEST_INVALID_ARGUMENT;
    for (size_t k = 0; k < kOasisStreams; ++k) {
        if (k == kOasisStreams - 1 && !job.array[k]->values) continue;
        if (!job.array[k]->values && t.count > 0) return STEEPEST_INVALID_ARGUMENT;
        if (const auto status = check_array(*job.array[k], job.is_f64())) return status;
    }
    return STEEPEST_OK;
}

steepest_status check(const steepest_oasis_args& a) {
    if (a.struct_size < sizeof a || a.tensor_size < sizeof(steepest_oasis_tensor) ||
        a.tensor_count < 0 || (a.tensor_count && !a.tensors) || !(a.beta2 >= 0 && a.beta2 < 1) ||
        !(a.alpha >= 0))
        return STEEPEST_INVALID_ARGUMENT;
    for (int64_t i = 0; i < a.tensor_count; ++i)
        if (const auto status = check_tensor(tensor_at(a, i), a)) return status;
    return STEEPEST_OK;
}

void lay_out(const steepest_oasis_args& args, Arena& arena, OasisCall& call) {
    call.count = args.tensor_count;
    call.jobs = arena.take<OasisJob>(call.count);
    call.moved = arena.take<double>(call.count);
    call.turned = arena.take<double>(call.count);
    for (int64_t i = 0; i < call.count; ++i) {
        OasisJob job = job_of(tensor_at(args, i), args);
        job.moved = arena.take<double>(job.blocks());
        job.turned = arena.take<double>(job.blocks());
        if (call.jobs) new (call.jobs + i) OasisJob(job);
    }
}

// The streams in T, through scratch where they are stored in less.
class OasisTiles {
  public:
    OasisTiles(const OasisJob& job, const ProbeKernels& kernels) : job_(job), kernels_(kernels) {}

    const void* const* at(int64_t first, int64_t n) {
        for (size_t k = 0; k < kOasisStreams; ++k) streams_[k] = stream(k, first, n);
        return streams_;
    }

  private:
    const void* stream(size_t k, int64_t first, int64_t n) {
        const steepest_oasis_array& a = *job_.array[k];
        if (!a.values) return nullptr;
        const auto dtype = static_cast<DType>(a.dtype);
        const char* stored = static_cast<const char*>(a.values) + first * size_of(dtype);
        const LoadFn load = kernels_.load[a.dtype];
        if (!load) return stored;
        load(stored, scratch_[k], n);
        return scratch_[k];
    }

    const OasisJob& job_;
    const ProbeKernels& kernels_;
    const void* streams_[kOasisStreams];
    alignas(64) float scratch_[kOasisStreams][kTile];
};

void measure_piece(const OasisJob& job, const ProbeKernels& kernels, int64_t begin, int64_t end) {
    OasisTiles tiles(job, kernels);
    for (int64_t first = begin; first < end; first += kBlock) {
        alignas(64) double lanes[2 * kLanes] = {};
        const int64_t last = std::min(first + kBlock, end);
        for (int64_t at = first; at < last; at += kTile) {
            const int64_t n = std::min(kTile, last - at);
            kernels.oasis[job.is_f64()](job.options, tiles.at(at, n), n, lanes);
        }
        job.moved[first / kBlock] = fold_lanes(lanes);
        job.turned[first / kBlock] = fold_lanes(lanes + kLanes);
    }
}

void measure_all(const OasisCall& call, const ProbeKernels& kernels, steepest_oasis_args& args) {
    for_pieces(
        call, [](const OasisJob&) { return true; },
        [&](const OasisJob& job, int64_t begin, int64_t end) {
            measure_piece(job, kernels, begin, end);
        });
    for (int64_t j = 0; j < call.count; ++j) {
        call.moved[j] = fold_pairs(call.jobs[j].moved, call.jobs[j].blocks());
        call.turned[j] = fold_pairs(call.jobs[j].turned, call.jobs[j].blocks());
    }
    args.moved = fold_pairs(call.moved, call.count);
    args.turned = fold_pairs(call.turned, call.count);
}

steepest_status on_device(const steepest_oasis_args& args) {
    FloatingPointGuard guard;
    if (const auto status = check(args)) return status;
    if (!args.results_at || reinterpret_cast<uintptr_t>(args.results_at) % sizeof(double) ||
        reinterpret_cast<uintptr_t>(args.workspace) % Arena::kAlignment)
        return STEEPEST_INVALID_ARGUMENT;
    return on_stream(args.device, args.stream, [&](device::Backend& backend) {
        return device::oasis_measure(args, backend);
    });
}

}  // namespace

steepest_status steepest_oasis_workspace(const steepest_oasis_args* args, size_t* size) {
    if (!args || !size || !args->stream) return measure_workspace<OasisCall>(args, size, check);
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        return device::oasis_size(*args, size);
    });
}

steepest_status steepest_oasis_measure(steepest_oasis_args* args) {
    if (args && args->stream) return fenced([&] { return on_device(*args); });
    return run_on_cpu<OasisCall>(args, check, [&](const OasisCall& call, cpu::Target target) {
        measure_all(call, probe_kernels_of(target), *args);
    });
}
