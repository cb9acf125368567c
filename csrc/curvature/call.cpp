#include "curvature/call.h"

#include <new>

namespace steepest::curvature {
namespace {

const steepest_probe_tensor& tensor_at(const steepest_probe_args& a, int64_t i) {
    return *reinterpret_cast<const steepest_probe_tensor*>(
        reinterpret_cast<const char*>(a.tensors) + static_cast<size_t>(i) * a.tensor_size);
}

bool is_aligned(const void* p, int64_t size) {
    return reinterpret_cast<uintptr_t>(p) % static_cast<uintptr_t>(size) == 0;
}

bool in_range(const steepest_probe_tensor& t) {
    return t.count >= 0 && t.offset >= 0 && t.count <= kMostElements &&
           t.offset <= kMostElements - t.count;
}

steepest_status check_statistics(const steepest_probe_tensor& t) {
    const int64_t size = t.dtype == STEEPEST_F64 ? 8 : 4;
    if (!t.mean) return t.scatter || t.weight ? STEEPEST_INVALID_ARGUMENT : STEEPEST_OK;
    if (!t.scatter || t.group < 1 || t.count % t.group || (t.weight && t.group != 1))
        return STEEPEST_INVALID_ARGUMENT;
    const bool aligned =
        is_aligned(t.mean, size) && is_aligned(t.scatter, size) && is_aligned(t.weight, size);
    return aligned ? STEEPEST_OK : STEEPEST_INVALID_ARGUMENT;
}

steepest_status check_tensor(const steepest_probe_tensor& t, bool accumulates) {
    if (t.dtype < 0 || t.dtype >= kDTypes) return STEEPEST_INVALID_DTYPE;
    if (!in_range(t) || (t.count > 0 && !t.values)) return STEEPEST_INVALID_ARGUMENT;
    if (!is_aligned(t.values, size_of(static_cast<DType>(t.dtype))))
        return STEEPEST_INVALID_ARGUMENT;
    return accumulates && t.count > 0 ? check_statistics(t) : STEEPEST_OK;
}

}  // namespace

steepest_status check(const steepest_probe_args& args, bool accumulates) {
    if (args.struct_size < sizeof args || args.tensor_size < sizeof(steepest_probe_tensor) ||
        args.tensor_count < 0 || (args.tensor_count && !args.tensors) || args.distribution < 0 ||
        args.distribution >= kDistributions || (accumulates && args.sample < 1))
        return STEEPEST_INVALID_ARGUMENT;
    for (int64_t i = 0; i < args.tensor_count; ++i)
        if (const auto s = check_tensor(tensor_at(args, i), accumulates)) return s;
    return STEEPEST_OK;
}

Job job_at(const steepest_probe_args& args, int64_t i) {
    const steepest_probe_tensor& t = tensor_at(args, i);
    const auto purpose = kProbePurpose + static_cast<uint32_t>(args.distribution);
    return {.random = {.seed = args.seed, .purpose = purpose, .draw = args.probe, .tensor = t.id},
            .distribution = static_cast<Distribution>(args.distribution),
            .dtype = static_cast<DType>(t.dtype),
            .offset = t.offset,
            .count = t.count,
            .values = static_cast<char*>(t.values),
            .group = t.group,
            .statistics = {.mean = t.mean,
                           .scatter = t.scatter,
                           .weight = t.weight,
                           .share = 1 / static_cast<double>(args.sample)},
            .partial = nullptr};
}

void lay_out(const steepest_probe_args& args, Arena& arena, Call& call) {
    call.count = args.tensor_count;
    call.jobs = arena.take<Job>(call.count);
    call.tree = arena.take<double>(call.count);
    for (int64_t i = 0; i < call.count; ++i) {
        const Job job = job_at(args, i);
        auto* partial = arena.take<double>(job.blocks());
        if (!call.jobs) continue;
        new (call.jobs + i) Job(job);
        call.jobs[i].partial = partial;
    }
}

}  // namespace steepest::curvature
