#include <algorithm>

#include "core/pieces.h"
#include "curvature/moments.h"
#include "curvature/tiles.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steepest::curvature {
namespace {

// From this many bytes on signs go past the caches, which would not keep them.
constexpr int64_t kLargeProbe = int64_t{32} << 20;

// Stores past the caches may be seen late by other threads unless a fence follows.
void order_stores() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

void fill_piece(const Job& job, const ProbeKernels& kernels, int64_t begin, int64_t end) {
    ProbeTiles tiles(job, kernels);
    const StoreFn store = kernels.store[static_cast<int>(job.dtype)];
    for (int64_t first = begin; first < end; first += kBlock) {
        const int64_t size = std::min(kBlock, end - first);
        tiles.start(first, size);
        for (int64_t at = 0; at < size; at += kTile) {
            const int64_t n = std::min(kTile, size - at);
            if (store)
                store(static_cast<const float*>(tiles.values(at, n)), job.at(first + at), n);
            else
                tiles.make(at, n, job.at(first + at));
        }
    }
}

// Signs in T past the caches, from the first aligned address on.
void stream_piece(const Job& job, const ProbeKernels& kernels, int64_t begin, int64_t end) {
    const auto past = reinterpret_cast<uintptr_t>(job.at(begin)) % kAlignment;
    const int64_t missing = past ? (kAlignment - static_cast<int64_t>(past)) : 0;
    const int64_t aligned = std::min(end, begin + missing / size_of(job.dtype));
    fill_piece(job, kernels, begin, aligned);
    ProbeTiles tiles(job, kernels);
    for (int64_t first = aligned; first < end; first += kBlock) {
        const int64_t n = std::min(kBlock, end - first);
        tiles.start(first, n);
        kernels.stream_signs[job.is_f64()](tiles.bits(0), n, job.at(first));
    }
    order_stores();
}

bool can_stream(const Job& job, const ProbeKernels& kernels) {
    return job.distribution == Distribution::rademacher &&
           !kernels.store[static_cast<int>(job.dtype)];
}

bool takes_signs(const Job& job) {
    return job.distribution == Distribution::rademacher && !job.statistics.weight;
}

// Takes in some products.
void take_tile(const Job& job, const ProbeKernels& kernels, ProbeTiles& tiles, int64_t first,
               int64_t at, int64_t n, double* lanes) {
    const Statistics to = job.statistics_at(first + at);
    const void* h = tiles.products(at, n);
    if (takes_signs(job))
        kernels.accumulate_signs[job.is_f64()](tiles.bits(at), h, n, to, lanes);
    else
        kernels.accumulate[job.is_f64()](tiles.values(at, n), h, n, to, lanes);
}

// Sums of the blocks, and statistics of elements that have their own. Signs with products that need
// no conversion pass through no scratch, and so are taken a block at a time.
void take_piece(const Job& job, const ProbeKernels& kernels, int64_t begin, int64_t end) {
    ProbeTiles tiles(job, kernels);
    const bool direct = takes_signs(job) && !kernels.load[static_cast<int>(job.dtype)];
    const int64_t step = direct ? kBlock : kTile;
    for (int64_t first = begin; first < end; first += kBlock) {
        alignas(64) double lanes[kLanes + kSpareLanes] = {};
        const int64_t size = std::min(kBlock, end - first);
        tiles.start(first, size);
        for (int64_t at = 0; at < size; at += step)
            take_tile(job, kernels, tiles, first, at, std::min(step, size - at), lanes);
        job.partial[first / kBlock] = fold_lanes(lanes);
    }
}

// Sums z h over the groups of a tensor, in order, and takes in the mean of each.
class GroupMeans {
  public:
    GroupMeans(const Job& job, int64_t first) : job_(job), group_(first) {}

    void add(const void* z, const void* h, int64_t n) {
        job_.is_f64() ? add_as<double>(z, h, n) : add_as<float>(z, h, n);
    }

  private:
    template <class T>
    void add_as(const void* z, const void* h, int64_t n) {
        for (int64_t i = 0; i < n; ++i) {
            sum_ += static_cast<double>(static_cast<const T*>(z)[i]) *
                    static_cast<double>(static_cast<const T*>(h)[i]);
            if (++inside_ == job_.group) finish<T>();
        }
    }

    template <class T>
    void finish() {
        const double mean = sum_ / static_cast<double>(job_.group);
        const Statistics& to = job_.statistics;
        probes::take_value(static_cast<T>(mean), static_cast<T>(to.share),
                           static_cast<T*>(to.mean)[group_], static_cast<T*>(to.scatter)[group_]);
        sum_ = 0;
        inside_ = 0;
        ++group_;
    }

    const Job& job_;
    int64_t group_;
    int64_t inside_ = 0;
    double sum_ = 0;
};

void take_groups(const Job& job, const ProbeKernels& kernels, int64_t first_group, int64_t last) {
    ProbeTiles tiles(job, kernels);
    GroupMeans means(job, first_group);
    const int64_t end = last * job.group;
    for (int64_t first = first_group * job.group; first < end; first += kBlock) {
        const int64_t size = std::min(kBlock, end - first);
        tiles.start(first, size);
        for (int64_t at = 0; at < size; at += kTile) {
            const int64_t n = std::min(kTile, size - at);
            means.add(tiles.values(at, n), tiles.products(at, n), n);
        }
    }
}

void take_all_groups(const Job& job, const ProbeKernels& kernels) {
    const int64_t groups = job.count / job.group;
    const int threads = threads_for(job.count);
    const int parts = static_cast<int>(std::min<int64_t>(parts_for(threads, job.count), groups));
    parallel(threads, parts, [&](int part, int n) {
        take_groups(job, kernels, groups * part / n, groups * (part + 1) / n);
    });
}

bool takes_part(const Job&) { return true; }

}  // namespace

Statistics Job::statistics_at(int64_t i) const {
    if (!statistics.mean || has_groups()) return {};
    const int64_t bytes = i * (is_f64() ? 8 : 4);
    const auto moved = [bytes](void* p) { return p ? static_cast<char*>(p) + bytes : nullptr; };
    return {moved(statistics.mean), moved(statistics.scatter), moved(statistics.weight),
            statistics.share};
}

void fill(const Call& call, const ProbeKernels& kernels) {
    int64_t bytes = 0;
    for (int64_t j = 0; j < call.count; ++j)
        bytes += call.jobs[j].count * size_of(call.jobs[j].dtype);
    for_pieces(call, takes_part, [&](const Job& job, int64_t begin, int64_t end) {
        const bool past_caches = bytes >= kLargeProbe && can_stream(job, kernels);
        (past_caches ? stream_piece : fill_piece)(job, kernels, begin, end);
    });
}

double accumulate(const Call& call, const ProbeKernels& kernels, double* sums) {
    for_pieces(call, takes_part, [&](const Job& job, int64_t begin, int64_t end) {
        take_piece(job, kernels, begin, end);
    });
    for (int64_t j = 0; j < call.count; ++j) {
        const Job& job = call.jobs[j];
        call.tree[j] = fold_pairs(job.partial, job.blocks());
        if (sums) sums[j] = call.tree[j];
        if (job.has_groups() && job.count > 0) take_all_groups(job, kernels);
    }
    return fold_pairs(call.tree, call.count);
}

}  // namespace steepest::curvature
