// Moments of the gradients of several samples, block by block of the fixed tree.
#include <algorithm>
#include <cstring>

#include "core/pieces.h"
#include "curvature/entry.h"
#include "distributed/plane.h"
#include "distributed/targets.h"

namespace steepest::distributed {
namespace {

constexpr int64_t kMostSamples = int64_t{1} << 31;

// One tensor of all samples. Block sums lie one kind after the other: of the mean's squares, then
// of deviations and products of each sample.
struct MomentJob {
    int64_t tensor;
    int64_t count;
    double* partial;

    int64_t blocks() const { return (count + kBlock - 1) / kBlock; }
    double* deviations(int64_t sample) const { return partial + (1 + 2 * sample) * blocks(); }
    double* products(int64_t sample) const { return partial + (2 + 2 * sample) * blocks(); }
};

struct MomentCall {
    MomentJob* jobs;
    int64_t count;
    double* tree;  // sums of the tensors
};

const steepest_array& array_at(const steepest_moment_args& a, int64_t sample, int64_t tensor) {
    return a.grads[sample * a.tensor_count + tensor];
}

steepest_status check_moments(const steepest_moment_args& a) {
    int64_t sums = 0;
    if (a.struct_size < sizeof a || a.samples < 1 || a.samples > kMostSamples ||
        a.tensor_count < 0 || __builtin_mul_overflow(a.samples, a.tensor_count, &sums) ||
        (a.tensor_count && (!a.sizes || !a.grads)) || !a.deviations || !a.products)
        return STEEPEST_INVALID_ARGUMENT;
    for (int64_t t = 0; t < a.tensor_count; ++t) {
        if (a.sizes[t] < 0 || a.sizes[t] > kMostElements / (3 * a.samples))
            return STEEPEST_INVALID_ARGUMENT;
        for (int64_t i = 0; i < a.samples; ++i) {
            const steepest_array& g = array_at(a, i, t);
            if (const auto status = check_given(g, g.dtype == STEEPEST_F64, a.sizes[t]))
                return status;
        }
    }
    return STEEPEST_OK;
}

void lay_out(const steepest_moment_args& args, Arena& arena, MomentCall& call) {
    call.count = args.tensor_count;
    call.jobs = arena.take<MomentJob>(call.count);
    call.tree = arena.take<double>(call.count);
    for (int64_t t = 0; t < call.count; ++t) {
        MomentJob job = {t, args.sizes[t], nullptr};
        job.partial = arena.take<double>(job.blocks() * (1 + 2 * args.samples));
        if (call.jobs) new (call.jobs + t) MomentJob(job);
    }
}

// One block of one tensor, of all samples.
class Block {
  public:
    Block(const steepest_moment_args& args, const MomentJob& job, const DistributedKernels& kernels,
          int64_t first)
        : args_(args), job_(job), kernels_(kernels), first_(first) {
        size_ = std::min(kBlock, job.count - first);
    }

    void run() {
        std::memset(mean_, 0, sizeof mean_);
        for (int64_t i = 0; i < args_.samples; ++i)
            each_tile(i, [&](const void* x, bool f64, int64_t at, int64_t n) {
                kernels_.add_values[f64](x, n, mean_ + at);
            });
        kernels_.divide_values(mean_, size_, static_cast<double>(args_.samples));
        const int64_t block = first_ / kBlock;
        job_.partial[block] = moments_of_mean();
        for (int64_t i = 0; i < args_.samples; ++i) {
            alignas(64) double lanes[2 * kLanes] = {};
            each_tile(i, [&](const void* x, bool f64, int64_t at, int64_t n) {
                kernels_.add_moments[f64](x, mean_ + at, n, lanes);
            });
            job_.deviations(i)[block] = fold_lanes(lanes);
            job_.products(i)[block] = fold_lanes(lanes + kLanes);
        }
    }

  private:
    double moments_of_mean() const {
        alignas(64) double lanes[2 * kLanes] = {};
        kernels_.add_moments[1](mean_, mean_, size_, lanes);
        return fold_lanes(lanes + kLanes);
    }

    template <class F>
    void each_tile(int64_t sample, F&& f) {
        const steepest_array& g = array_at(args_, sample, job_.tensor);
        const bool f64 = g.dtype == STEEPEST_F64;
        TileOf tiles(g, {}, kernels_);
        for (int64_t at = 0; at < size_; at += kTile) {
            const int64_t n = std::min(kTile, size_ - at);
            f(tiles.load(first_ + at, n), f64, at, n);
        }
    }

    const steepest_moment_args& args_;
    const MomentJob& job_;
    const DistributedKernels& kernels_;
    int64_t first_, size_;
    alignas(64) double mean_[kBlock];
};

// `find(job)` is where the block sums of a tensor are.
template <class F>
double total(const MomentCall& call, F&& find) {
    for (int64_t t = 0; t < call.count; ++t)
        call.tree[t] = fold_pairs(find(call.jobs[t]), call.jobs[t].blocks());
    return fold_pairs(call.tree, call.count);
}

void sum_moments(const MomentCall& call, const DistributedKernels& kernels,
                 steepest_moment_args& args) {
    for_pieces(
        call, [](const MomentJob&) { return true; },
        [&](const MomentJob& job, int64_t begin, int64_t end) {
            for (int64_t first = begin; first < end; first += kBlock)
                Block(args, job, kernels, first).run();
        });
    args.mean_square = total(call, [](const MomentJob& job) { return job.partial; });
    for (int64_t i = 0; i < args.samples; ++i) {
        args.deviations[i] = total(call, [&](const MomentJob& job) { return job.deviations(i); });
        args.products[i] = total(call, [&](const MomentJob& job) { return job.products(i); });
    }
}

}  // namespace
}  // namespace steepest::distributed

using namespace steepest;

steepest_status steepest_gradient_moments_workspace(const steepest_moment_args* args,
                                                    size_t* size) {
    return curvature::measure_workspace<distributed::MomentCall>(args, size,
                                                                 distributed::check_moments);
}

steepest_status steepest_gradient_moments(steepest_moment_args* args) {
    const auto body = [&](const distributed::MomentCall& call, cpu::Target target) {
        distributed::sum_moments(call, distributed::kernels_of(target), *args);
    };
    return curvature::run_on_cpu<distributed::MomentCall>(args, distributed::check_moments, body);
}
