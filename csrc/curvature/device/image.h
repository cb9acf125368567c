// The image of a call with probes: every descriptor that kernels read, laid out in the workspace.
//
//   list     tensors, work items before each
//   zeros    counters and the leaves of the tree over the tensors, which start at zero
//   scratch  what kernels write; not part of what is copied
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "curvature/call.h"
#include "curvature/device/descriptors.h"

namespace steepest::device {

class ProbeImage {
  public:
    // Tensors that one launch takes: of one precision.
    struct Batch {
        bool is_f64 = false;
        int32_t begin = 0, count = 0;             // among the tensors of the image
        size_t first_block = 0, first_group = 0;  // offsets of the work items before each
        int64_t blocks = 0, group_chunks = 0;
    };

    // The arguments have been checked. Raises std::length_error for more than 2^31 work items.
    explicit ProbeImage(const steepest_probe_args& args);

    size_t list_size() const { return zeros_; }
    size_t image_size() const { return scratch_; }
    size_t size() const { return size_; }
    int32_t tensors() const { return static_cast<int32_t>(tensors_.size()); }
    const std::vector<Batch>& batches() const { return batches_; }

    // List and zeros, for a workspace at `base`.
    std::unique_ptr<char[]> filled(char* base) const;
    // Arguments of a batch's kernels, but for the work items.
    ProbePass pass(const Batch& b, const steepest_probe_args& args, char* base) const;

  private:
    struct Entry {
        curvature::Job job;
        int32_t order;
        size_t arrived, partial;  // offsets
    };

    size_t take(size_t bytes);
    void read(const steepest_probe_args& args);
    void lay_out_batch(bool is_f64);
    void lay_out_zeros();
    void lay_out_scratch();
    template <class Count>
    size_t take_items(const Batch& b, Count&& items_of, int64_t& total);
    ProbeTensor tensor(const Entry& e, char* base) const;

    std::vector<Entry> tensors_;  // that have elements: those of float arithmetic first
    std::vector<Batch> batches_;
    std::vector<std::pair<size_t, std::vector<int32_t>>> items_;  // by offset
    int32_t positions_;
    size_t used_ = 0;
    size_t zeros_ = 0, arrived_ = 0, sum_ = 0, total_ = 0;
    size_t scratch_ = 0, size_ = 0;
};

}  // namespace steepest::device
