// The image of a call: every descriptor that kernels read, laid out in the workspace.
//
//   static   tensors, work items before each, counters that start at zero
//   dynamic  constants, gradients: what changes from call to call
//   scratch  what kernels write; not part of what is copied
//
// The same functions measure an image and fill it.
#pragma once

#include <cstddef>
#include <vector>

#include "steps/device/descriptors.h"

namespace steepest::device {

// Tensors that one launch takes: of one rule, precision and kind of storage.
struct Batch {
    int rule;
    bool is_f64;
    Storage storage;
    bool has_sums, has_axes, has_averages, has_rows, moves_axes;
    bool on_device;        // constants depend on a step or learning rate there
    int32_t begin, count;  // among the tensors of the image
    int32_t first_setting, settings;
    int32_t chunk;

    // Offsets of the work items before each tensor, and how many there are in all.
    struct Items {
        size_t first = 0;
        int64_t total = 0;
    };
    Items chunks, blocks, line_parts, across_parts, line_chunks, position_chunks, matrices;
    Items row_parts, row_parts_across, row_leaves, row_chunks;
};

// Results of the norm, in the static part.
struct Results {
    double total;
    double clip;
    int32_t skipped;
    int32_t positions;  // of the norm's tree: makes images of different trees differ
};

// Which sums of rules a call asks for: those that a step needs, or those over the list alone.
enum class SumsOf { step, list };

class Image {
  public:
    // `multiprocessors` sets how finely the work is cut.
    Image(const Call& call, int multiprocessors, SumsOf sums = SumsOf::step);

    // Writes static and dynamic part to `host`, for a workspace at `base`.
    void fill(char* host, char* base) const;

    size_t static_size() const { return dynamic_; }
    size_t image_size() const { return scratch_; }
    size_t size() const { return size_; }
    const std::vector<Batch>& batches() const { return batches_; }
    int32_t tensors() const { return static_cast<int32_t>(order_.size()); }
    int64_t counters() const { return static_cast<int64_t>(counters_.size()); }

    // Arguments of kernels over a workspace at `base`.
    Pass batch_pass(const Batch& b, char* base, uint64_t seed) const;
    Pass norm_pass(char* base) const;
    Pass advance_pass(char* base) const;
    // What a pass of sums over the list reads in `norm`.
    Norm list_sums(char* base, double* sums) const;
    Results* results(char* base) const { return reinterpret_cast<Results*>(base + results_); }
    // The clip coefficient of each position of the caller's list.
    double* clips(char* base) const { return reinterpret_cast<double*>(base + clips_); }
    // Constants of a batch: made by the host, or on the device.
    void use_host_constants(const Batch& b, char* base, Pass& pass) const;
    void use_computed_constants(char* base, Pass& pass) const;
    const int32_t* first(const Batch::Items& items, char* base) const {
        return reinterpret_cast<const int32_t*>(base + items.first);
    }
    int64_t norm_items() const { return norm_items_.total; }
    size_t skipped_offset() const { return results_ + offsetof(Results, skipped); }
    size_t total_offset() const { return results_ + offsetof(Results, total); }

  private:
    struct Place {  // offsets of what belongs to one tensor
        size_t arrived, partial;
        size_t line_sum, across_sum, row_sum, axis_new[2];
    };

    void sort();
    void lay_out_items(Batch& b);
    void lay_out_row_items(Batch& b);
    template <class Count>
    Batch::Items take_items(int32_t begin, int32_t count, Count&& items_of);
    void lay_out_static();
    void lay_out_dynamic();
    void lay_out_scratch();
    template <class T>
    size_t take(int64_t n);
    const Job& job(int32_t tensor) const { return call_.jobs[order_[static_cast<size_t>(tensor)]]; }
    bool has_inputs() const;
    bool has_sums(const Job& job) const {
        return sums_ == SumsOf::step ? job.has_sums() : job.has_list_sums();
    }
    bool sums_elements(const Job& job) const { return has_sums(job) && !job.has_rows(); }
    bool grads_inline() const { return tensors() <= kInlineGrads; }
    bool constants_inline() const { return settled_by_.size() <= kInlineSettings; }
    bool share_a_rate() const;
    void fill_tensor(int32_t i, char* host, char* base) const;
    void fill_axes(int32_t i, char* host, char* base) const;
    void fill_settings(char* host) const;
    void set_grads(char* base, int32_t begin, int32_t count, Pass& pass) const;

    const Call& call_;
    const int multiprocessors_;
    const SumsOf sums_;
    std::vector<int64_t> order_;       // jobs that take part, batch after batch
    std::vector<int32_t> setting_;     // of each
    std::vector<int32_t> settled_by_;  // the first tensor of each setting
    bool shares_rate_ = false;
    std::vector<Place> place_;
    std::vector<Batch> batches_;
    std::vector<int64_t*> counters_;
    // Work items of each list, in the order of the lists' offsets.
    std::vector<std::pair<size_t, std::vector<int32_t>>> items_;
    Batch::Items norm_items_;
    size_t used_ = 0;
    size_t tensors_ = 0, axes_ = 0, results_ = 0, norm_sum_ = 0;
    size_t norm_arrived_ = 0, counter_list_ = 0;
    size_t list_sum_ = 0, list_arrived_ = 0;
    size_t dynamic_ = 0, constants_ = 0, inputs_ = 0, grads_ = 0;
    size_t scratch_ = 0, computed_ = 0, clips_ = 0, size_ = 0;
};

}  // namespace steepest::device
