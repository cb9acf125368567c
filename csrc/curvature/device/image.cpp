#include "curvature/device/image.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace steepest::device {
namespace {

using curvature::Job;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

int32_t to_int32(int64_t n) {
    if (n > std::numeric_limits<int32_t>::max()) throw std::length_error("too many work items");
    return static_cast<int32_t>(n);
}

bool is_aligned(const void* p, int64_t bytes) {
    return reinterpret_cast<uintptr_t>(p) % static_cast<uintptr_t>(bytes) == 0;
}

// Whether groups of neighbours lie aligned in all streams: blocks begin at multiples of them.
bool is_wide(const Job& job) {
    const int64_t group = job.is_f64() ? kGroup / 2 : kGroup;
    bool aligned = is_aligned(job.values, group * size_of(job.dtype));
    if (job.has_groups()) return aligned;
    for (const void* p : {job.statistics.mean, job.statistics.scatter, job.statistics.weight})
        aligned = aligned && is_aligned(p, 16);
    return aligned;
}

size_t bytes_of(int64_t n, size_t each) { return static_cast<size_t>(n) * each; }

}  // namespace

ProbeImage::ProbeImage(const steepest_probe_args& args) : positions_(to_int32(args.tensor_count)) {
    read(args);
    take(tensors_.size() * sizeof(ProbeTensor));
    lay_out_batch(false);
    lay_out_batch(true);
    lay_out_zeros();
    lay_out_scratch();
}

size_t ProbeImage::take(size_t bytes) {
    const size_t at = used_;
    used_ += (bytes + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment;
    return at;
}

void ProbeImage::read(const steepest_probe_args& args) {
    for (int32_t i = 0; i < positions_; ++i) {
        const Job job = curvature::job_at(args, i);
        if (job.count > 0) tensors_.push_back({.job = job, .order = i, .arrived = 0, .partial = 0});
    }
    std::stable_sort(tensors_.begin(), tensors_.end(), [](const Entry& a, const Entry& b) {
        return a.job.is_f64() < b.job.is_f64();
    });
}

void ProbeImage::lay_out_batch(bool is_f64) {
    Batch b{.is_f64 = is_f64};
    for (int32_t i = 0; i < tensors(); ++i) {
        if (tensors_[static_cast<size_t>(i)].job.is_f64() != is_f64) continue;
        if (b.count++ == 0) b.begin = i;
    }
    if (b.count == 0) return;
    b.first_block = take_items(b, [](const Job& j) { return j.blocks(); }, b.blocks);
    b.first_group = take_items(
        b, [](const Job& j) { return j.has_groups() ? divide_up(j.count / j.group, kThreads) : 0; },
        b.group_chunks);
    batches_.push_back(b);
}

// The numbers of items before each tensor of a batch, and in all.
template <class Count>
size_t ProbeImage::take_items(const Batch& b, Count&& items_of, int64_t& total) {
    std::vector<int32_t> first;
    total = 0;
    for (int32_t i = 0; i < b.count; ++i) {
        first.push_back(to_int32(total));
        total += items_of(tensors_[static_cast<size_t>(b.begin + i)].job);
    }
    first.push_back(to_int32(total));
    const size_t at = take(first.size() * sizeof(int32_t));
    items_.emplace_back(at, std::move(first));
    return at;
}

void ProbeImage::lay_out_zeros() {
    zeros_ = used_;
    arrived_ = take(sizeof(uint32_t));
    sum_ = take(bytes_of(tree_nodes(positions_), sizeof(double)));
    for (Entry& e : tensors_) {
        const int64_t blocks = e.job.blocks();
        e.arrived = take(bytes_of(tree_nodes(blocks) - blocks, sizeof(uint32_t)));
    }
}

void ProbeImage::lay_out_scratch() {
    scratch_ = used_;
    total_ = take(sizeof(double));
    for (Entry& e : tensors_)
        e.partial = take(bytes_of(tree_nodes(e.job.blocks()), sizeof(double)));
    size_ = used_;
}

ProbeTensor ProbeImage::tensor(const Entry& e, char* base) const {
    const Job& job = e.job;
    return {.values = job.values,
            .mean = job.statistics.mean,
            .scatter = job.statistics.scatter,
            .weight = job.statistics.weight,
            .partial = reinterpret_cast<double*>(base + e.partial),
            .arrived = reinterpret_cast<uint32_t*>(base + e.arrived),
            .count = job.count,
            .offset = job.offset,
            .group = job.group,
            .id = job.random.tensor,
            .order = e.order,
            .dtype = static_cast<uint8_t>(job.dtype),
            .is_wide = is_wide(job)};
}

std::unique_ptr<char[]> ProbeImage::filled(char* base) const {
    std::unique_ptr<char[]> host(new char[image_size() + 1]());
    for (size_t i = 0; i < tensors_.size(); ++i) {
        const ProbeTensor t = tensor(tensors_[i], base);
        std::memcpy(host.get() + i * sizeof t, &t, sizeof t);
    }
    for (const auto& [at, first] : items_)
        std::memcpy(host.get() + at, first.data(), first.size() * sizeof(int32_t));
    return host;
}

ProbePass ProbeImage::pass(const Batch& b, const steepest_probe_args& args, char* base) const {
    auto* total = reinterpret_cast<double*>(base + total_);
    const Job& any = tensors_[static_cast<size_t>(b.begin)].job;
    return {.tensors = reinterpret_cast<const ProbeTensor*>(base) + b.begin,
            .first = nullptr,
            .sum = reinterpret_cast<double*>(base + sum_),
            .arrived = reinterpret_cast<uint32_t*>(base + arrived_),
            .sums = args.sums,
            .total = args.total_at ? args.total_at : total,
            .random = any.random,
            .share = any.statistics.share,
            .count = b.count,
            .expected = tensors(),
            .positions = positions_};
}

}  // namespace steepest::device
