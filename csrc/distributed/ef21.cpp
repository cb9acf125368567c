// Checks of EF21's lists of tensors, and where the parts of a message are.
#include "distributed/ef21.h"

namespace steepest::distributed {
namespace {

constexpr int64_t kMostIndexed = int64_t{1} << 32;

bool is_sparse(const Ef21List& list) {
    return list.compressor != static_cast<int32_t>(Compressor::scaled_sign);
}

steepest_status check_tensor(const Ef21List& list, const steepest_ef21_tensor& t) {
    if (t.count < 0 || t.count > kMostElements) return STEEPEST_INVALID_ARGUMENT;
    if (is_sparse(list) &&
        (t.count > kMostIndexed || t.kept > t.count || t.kept < (t.count > 0 ? 1 : 0)))
        return STEEPEST_INVALID_ARGUMENT;
    const bool f64 = t.estimate.dtype == STEEPEST_F64;
    if (!f64 && t.estimate.dtype != STEEPEST_F32) return STEEPEST_INVALID_DTYPE;
    if (const auto status = check_given(t.estimate, f64, t.count)) return status;
    return list.graded ? check_given(t.grad, f64, t.count) : STEEPEST_OK;
}

int64_t part_bytes(const Ef21List& list, const steepest_ef21_tensor& t) {
    const int64_t item = size_of(static_cast<DType>(t.estimate.dtype));
    switch (static_cast<Compressor>(list.compressor)) {
        case Compressor::top_k:
            return t.kept * (item + 4);
        case Compressor::random_k:
            return t.kept * item;
        case Compressor::scaled_sign:
            return t.count ? item + plane_bytes(t.count) : 0;
    }
    return 0;
}

}  // namespace

steepest_status check_list(const Ef21List& list) {
    if (list.tensor_size < sizeof(steepest_ef21_tensor) || list.count < 0 ||
        (list.count && !list.tensors) || list.compressor < 0 ||
        list.compressor > STEEPEST_SCALED_SIGN)
        return STEEPEST_INVALID_ARGUMENT;
    for (int64_t i = 0; i < list.count; ++i)
        if (const auto status = check_tensor(list, list.at(i))) return status;
    return STEEPEST_OK;
}

int64_t message_bytes(const Ef21List& list) {
    int64_t bytes = 0;
    for (int64_t i = 0; i < list.count; ++i) bytes += part_bytes(list, list.at(i));
    return bytes;
}

void lay_out_list(const Ef21List& list, Arena& arena, Ef21Call& call) {
    call.compressor = static_cast<Compressor>(list.compressor);
    call.count = list.count;
    call.jobs = arena.take<Ef21Job>(call.count);
    int64_t part = 0;
    for (int64_t i = 0; i < call.count; ++i) {
        const steepest_ef21_tensor& t = list.at(i);
        Ef21Job job = {.tensor = &t, .count = t.count, .part = part, .choice = {}, .sums = nullptr};
        const bool top_k = call.compressor == Compressor::top_k;
        // The places of the largest are in the message.
        if (is_sparse(list))
            job.choice.lay_out(top_k && !list.graded ? 0 : t.count, t.kept, top_k && job.is_f64(),
                               arena);
        else if (list.graded)
            job.sums = arena.take<double>((t.count + kBlock - 1) / kBlock);
        part += part_bytes(list, t);
        if (call.jobs) new (call.jobs + i) Ef21Job(job);
    }
}

}  // namespace steepest::distributed
