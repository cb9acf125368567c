// The server's call: majority or sum of the messages of all workers.
#include <algorithm>

#include "core/fence.h"
#include "core/parallel.h"
#include "core/pieces.h"
#include "distributed/targets.h"
#include "steepest/steepest.h"

namespace steepest::distributed {
namespace {

// Bits of all planes of all workers fit an int64.
constexpr int64_t kMostBytes = int64_t{1} << 40;

Ballot ballot_of(const steepest_vote_args& a) {
    return {.messages = static_cast<const char*>(a.messages),
            .stride = a.stride,
            .plane = a.plane_size,
            .workers = a.workers,
            .bits = a.bits,
            .outcome = static_cast<Outcome>(a.outcome),
            .tie = static_cast<Tie>(a.tie),
            .result = static_cast<char*>(a.result)};
}

steepest_status check(const steepest_vote_args& a) {
    if (a.struct_size < sizeof a || a.workers < 1 || a.workers > kMostWorkers ||
        (a.bits != 1 && a.bits != 2) || a.plane_size < 0 || a.plane_size > kMostBytes ||
        a.outcome < 0 || a.outcome > 1 || a.tie < 0 || a.tie > STEEPEST_TIE_FIRST)
        return STEEPEST_INVALID_ARGUMENT;
    const bool majority = a.outcome == static_cast<int32_t>(Outcome::majority);
    if (majority && a.bits == 2 && a.tie != STEEPEST_TIE_ZERO) return STEEPEST_INVALID_ARGUMENT;
    if (a.workers > 1 && (a.stride < a.bits * a.plane_size || a.stride > 2 * kMostBytes))
        return STEEPEST_INVALID_ARGUMENT;
    if (a.plane_size && (!a.messages || !a.result)) return STEEPEST_INVALID_ARGUMENT;
    const int64_t planes = ballot_of(a).result_planes();
    return a.result_size == planes * a.plane_size ? STEEPEST_OK : STEEPEST_INVALID_ARGUMENT;
}

void vote_part(const Ballot& ballot, const DistributedKernels& kernels, int64_t begin,
               int64_t end) {
    for (int64_t at = begin; at < end; at += kVoteBytes)
        kernels.vote(ballot, at, std::min(kVoteBytes, end - at));
}

// Parts begin at multiples of kVoteBytes.
void vote_all(const Ballot& ballot, const DistributedKernels& kernels) {
    const int64_t work =
        ballot.plane * ballot.workers * ballot.bits / 4;  // as many bytes as floats
    const int threads = threads_for(work);
    const int64_t tiles = (ballot.plane + kVoteBytes - 1) / kVoteBytes;
    parallel(threads, parts_for(threads, work), [&](int part, int parts) {
        const auto share = [&](int p) {
            const int64_t tile = tiles / parts * p + std::min<int64_t>(tiles % parts, p);
            return std::min(tile * kVoteBytes, ballot.plane);
        };
        vote_part(ballot, kernels, share(part), share(part + 1));
    });
}

}  // namespace
}  // namespace steepest::distributed

using namespace steepest;

steepest_status steepest_vote(const steepest_vote_args* args) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = distributed::check(*args)) return status;
        cpu::Target target;
        if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
        distributed::vote_all(distributed::ballot_of(*args), distributed::kernels_of(target));
        return STEEPEST_OK;
    });
}
