// EF21 at a worker: the compressed difference as a message, and the estimate that moves with it.
#include <algorithm>
#include <cmath>

#include "curvature/entry.h"
#include "distributed/ef21.h"
#include "distributed/targets.h"

namespace steepest::distributed {
namespace {

steepest_status check_pack(const steepest_ef21_pack_args& a) {
    if (a.struct_size < sizeof a) return STEEPEST_INVALID_ARGUMENT;
    const Ef21List list = list_of(a);
    if (const auto status = check_list(list)) return status;
    if (!(a.scale > 0) || !std::isfinite(a.scale)) return STEEPEST_INVALID_HYPER;
    return a.message_size == message_bytes(list) && (a.message || a.message_size == 0)
               ? STEEPEST_OK
               : STEEPEST_INVALID_ARGUMENT;
}

class Packing {
  public:
    Packing(const Ef21Call& call, const steepest_ef21_pack_args& args,
            const DistributedKernels& kernels)
        : call_(call), args_(args), kernels_(kernels) {}

    void run() const {
        const auto take = [&](const Ef21Job& job, int64_t begin, int64_t end) {
            with_type(job, [&](auto zero) { this->take<decltype(zero)>(job, begin, end); });
        };
        if (call_.compressor == Compressor::scaled_sign)
            pack_signs();
        else if (call_.compressor == Compressor::random_k)
            choose_at_random(call_, kernels_, args_.seed, args_.step, take);
        else
            choose_largest(take);
    }

  private:
    char* part(const Ef21Job& job) const { return static_cast<char*>(args_.message) + job.part; }

    template <class Take>
    void choose_largest(Take take) const {
        const auto find = [&](const Ef21Job& job) {
            return [&, grad = TileOf(job.tensor->grad, {}, kernels_)](int64_t first, int64_t n,
                                                                      int64_t least, int32_t place,
                                                                      const Found& to) mutable {
                return kernels_.ef21.find_large[job.is_f64()](args_.scale, grad.load(first, n),
                                                              job.estimate_at(first),
                                                              {n, place, least}, to);
            };
        };
        const auto guess = [&](Ef21Job& job) { return job.choice.least_of_sample(find(job)); };
        Choosing(call_, find, guess, take).run();
    }

    // Values, then for top-k their places, while the estimate takes them in.
    template <class T>
    void take(const Ef21Job& job, int64_t begin, int64_t end) const {
        char* values = part(job);
        char* places = values + job.choice.kept() * static_cast<int64_t>(sizeof(T));
        const bool top_k = call_.compressor == Compressor::top_k;
        const T scale = static_cast<T>(args_.scale);
        TileOf grad(job.tensor->grad, {}, kernels_);
        job.choice.each_kept(begin, end, [&](int64_t i, int64_t position) {
            T& estimate = *static_cast<T*>(job.estimate_at(i));
            const T value = scale * *static_cast<const T*>(grad.load(i, 1)) - estimate;
            write_item(values, position, value);
            if (top_k) write_item(places, position, static_cast<uint32_t>(i));
            estimate = estimate + value;
        });
    }

    void pack_signs() const {
        const auto all = [](const Ef21Job&) { return true; };
        for_pieces(call_, all, [&](const Ef21Job& job, int64_t begin, int64_t end) {
            for (int64_t first = begin; first < end; first += kBlock)
                job.sums[first / kBlock] = sum_block(job, first, std::min(end, first + kBlock));
        });
        for (int64_t j = 0; j < call_.count; ++j) write_mean(call_.jobs[j]);
        for_pieces(call_, all,
                   [&](const Ef21Job& job, int64_t begin, int64_t end) { move(job, begin, end); });
    }

    double sum_block(const Ef21Job& job, int64_t begin, int64_t end) const {
        alignas(64) double lanes[kLanes] = {};
        TileOf grad(job.tensor->grad, {}, kernels_);
        char* bits = part(job) + job.itemsize();
        for (int64_t first = begin; first < end; first += kTile) {
            const int64_t n = std::min(kTile, end - first);
            uint64_t words[kTileWords];
            kernels_.ef21.sum_magnitudes[job.is_f64()](args_.scale, grad.load(first, n),
                                                       job.estimate_at(first), n, words, lanes);
            std::memcpy(bits + first / 8, words, static_cast<size_t>(plane_bytes(n)));
        }
        return fold_lanes(lanes);
    }

    void write_mean(const Ef21Job& job) const {
        if (job.count == 0) return;
        const double sum = fold_pairs(job.sums, (job.count + kBlock - 1) / kBlock);
        const double mean = sum / static_cast<double>(job.count);
        with_type(job,
                  [&](auto zero) { write_item(part(job), 0, static_cast<decltype(zero)>(mean)); });
    }

    void move(const Ef21Job& job, int64_t begin, int64_t end) const {
        const double mean = with_type(
            job, [&](auto zero) -> double { return read_item<decltype(zero)>(part(job), 0); });
        const char* bits = part(job) + job.itemsize();
        for (int64_t first = begin; first < end; first += kTile) {
            const int64_t n = std::min(kTile, end - first);
            uint64_t words[kTileWords];
            std::memcpy(words, bits + first / 8, static_cast<size_t>(plane_bytes(n)));
            kernels_.ef21.move[job.is_f64()](mean, words, n, job.estimate_at(first));
        }
    }

    const Ef21Call& call_;
    const steepest_ef21_pack_args& args_;
    const DistributedKernels& kernels_;
};

}  // namespace
}  // namespace steepest::distributed

using namespace steepest;

steepest_status steepest_ef21_pack_workspace(const steepest_ef21_pack_args* args, size_t* size) {
    return curvature::measure_workspace<distributed::Ef21Call>(args, size, distributed::check_pack);
}

steepest_status steepest_ef21_pack(const steepest_ef21_pack_args* args) {
    const auto body = [&](const distributed::Ef21Call& call, cpu::Target target) {
        distributed::Packing(call, *args, distributed::kernels_of(target)).run();
    };
    return curvature::run_on_cpu<distributed::Ef21Call, const steepest_ef21_pack_args>(
        args, distributed::check_pack, body);
}
