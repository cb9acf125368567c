// EF21 where messages arrive: the weighted mean of the estimates moves with all of them.
#include <algorithm>
#include <atomic>

#include "curvature/entry.h"
#include "distributed/ef21.h"
#include "distributed/targets.h"

namespace steepest::distributed {
namespace {

constexpr int64_t kMostSenders = int64_t{1} << 31;

steepest_status check_add(const steepest_ef21_add_args& a) {
    if (a.struct_size < sizeof a) return STEEPEST_INVALID_ARGUMENT;
    const Ef21List list = list_of(a);
    if (const auto status = check_list(list)) return status;
    if (a.workers < 0 || a.workers > kMostSenders || (a.workers && !a.weights) ||
        a.message_size != message_bytes(list))
        return STEEPEST_INVALID_ARGUMENT;
    if (a.compressor == STEEPEST_RANDOM_K && a.workers && !a.seeds)
        return STEEPEST_INVALID_ARGUMENT;
    if (a.workers > 1 && a.stride < a.message_size) return STEEPEST_INVALID_ARGUMENT;
    return a.messages || a.workers == 0 || a.message_size == 0 ? STEEPEST_OK
                                                               : STEEPEST_INVALID_ARGUMENT;
}

class Adding {
  public:
    Adding(const Ef21Call& call, const steepest_ef21_add_args& args,
           const DistributedKernels& kernels)
        : call_(call), args_(args), kernels_(kernels) {}

    bool indices_rise() const {
        if (call_.compressor != Compressor::top_k) return true;
        int64_t kept = 0;
        for (int64_t j = 0; j < call_.count; ++j) kept += call_.jobs[j].choice.kept();
        std::atomic<bool> good{true};
        parallel(threads_for(kept * args_.workers), static_cast<int>(args_.workers),
                 [&](int worker, int) {
                     for (int64_t j = 0; j < call_.count; ++j)
                         if (!rise(call_.jobs[j], worker)) good = false;
                 });
        return good;
    }

    void run() const {
        if (call_.compressor == Compressor::random_k) {
            for (int64_t w = 0; w < args_.workers; ++w) add_random(w);
            return;
        }
        const bool top_k = call_.compressor == Compressor::top_k;
        for_pieces(
            call_, [](const Ef21Job&) { return true; },
            [&](const Ef21Job& job, int64_t begin, int64_t end) {
                with_type(job, [&](auto zero) {
                    using T = decltype(zero);
                    top_k ? add_sparse<T>(job, begin, end) : add_signs<T>(job, begin, end);
                });
            });
    }

  private:
    // Elements that stay in the caches while all workers' messages about them are added.
    static constexpr int64_t kSpan = 16 * kBlock;

    const char* part(const Ef21Job& job, int64_t worker) const {
        return static_cast<const char*>(args_.messages) + worker * args_.stride + job.part;
    }
    const char* places(const Ef21Job& job, int64_t worker) const {
        return part(job, worker) + job.choice.kept() * job.itemsize();
    }

    bool rise(const Ef21Job& job, int64_t worker) const {
        const char* at = places(job, worker);
        int64_t last = -1;
        bool rising = true;
        for (int64_t i = 0; i < job.choice.kept(); ++i) {
            const int64_t place = read_item<uint32_t>(at, i);
            rising &= place > last;
            last = place;
        }
        return rising && last < job.count;
    }

    // The first of the kept elements that is `element` or one behind it.
    int64_t lower_bound(const Ef21Job& job, const char* at, int64_t element) const {
        int64_t low = 0, high = job.choice.kept();
        while (low < high) {
            const int64_t middle = (low + high) / 2;
            if (read_item<uint32_t>(at, middle) < element)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

    template <class T>
    void add_sparse(const Ef21Job& job, int64_t begin, int64_t end) const {
        for (int64_t first = begin; first < end; first += kSpan)
            for (int64_t w = 0; w < args_.workers; ++w)
                add_span<T>(job, w, first, std::min(end, first + kSpan));
    }
    template <class T>
    void add_span(const Ef21Job& job, int64_t worker, int64_t begin, int64_t end) const {
        const char* values = part(job, worker);
        const char* at = places(job, worker);
        const T weight = static_cast<T>(args_.weights[worker]);
        T* estimate = static_cast<T*>(job.tensor->estimate.data);
        for (int64_t i = lower_bound(job, at, begin); i < job.choice.kept(); ++i) {
            const int64_t place = read_item<uint32_t>(at, i);
            if (place >= end) return;
            estimate[place] = estimate[place] + weight * read_item<T>(values, i);
        }
    }

    void add_random(int64_t worker) const {
        const auto take = [&](const Ef21Job& job, int64_t begin, int64_t end) {
            with_type(job, [&](auto zero) {
                using T = decltype(zero);
                const char* values = part(job, worker);
                const T weight = static_cast<T>(args_.weights[worker]);
                T* estimate = static_cast<T*>(job.tensor->estimate.data);
                job.choice.each_kept(begin, end, [&](int64_t i, int64_t position) {
                    estimate[i] = estimate[i] + weight * read_item<T>(values, position);
                });
            });
        };
        choose_at_random(call_, kernels_, args_.seeds[worker], args_.step, take);
    }

    template <class T>
    void add_signs(const Ef21Job& job, int64_t begin, int64_t end) const {
        for (int64_t first = begin; first < end; first += kTile) {
            const int64_t n = std::min(kTile, end - first);
            for (int64_t w = 0; w < args_.workers; ++w) {
                const char* message = part(job, w);
                const T change = static_cast<T>(args_.weights[w]) * read_item<T>(message, 0);
                uint64_t words[kTileWords];
                std::memcpy(words, message + sizeof(T) + first / 8,
                            static_cast<size_t>(plane_bytes(n)));
                kernels_.ef21.move[job.is_f64()](change, words, n, job.estimate_at(first));
            }
        }
    }

    const Ef21Call& call_;
    const steepest_ef21_add_args& args_;
    const DistributedKernels& kernels_;
};

}  // namespace
}  // namespace steepest::distributed

using namespace steepest;

steepest_status steepest_ef21_add_workspace(const steepest_ef21_add_args* args, size_t* size) {
    return curvature::measure_workspace<distributed::Ef21Call>(args, size, distributed::check_add);
}

steepest_status steepest_ef21_add(const steepest_ef21_add_args* args) {
    bool rising = true;
    const auto body = [&](const distributed::Ef21Call& call, cpu::Target target) {
        const distributed::Adding adding(call, *args, distributed::kernels_of(target));
        rising = adding.indices_rise();
        if (rising) adding.run();
    };
    const auto status = curvature::run_on_cpu<distributed::Ef21Call, const steepest_ef21_add_args>(
        args, distributed::check_add, body);
    return status == STEEPEST_OK && !rising ? STEEPEST_INVALID_ARGUMENT : status;
}
