// The tile pipeline: presents every stream of a job as a run of T, whatever it is stored as.
#pragma once

#include "steps/call.h"
#include "steps/job.h"

namespace steepest {

// Scratch for one thread and the pointers that kernels read, for tiles of at most kTile elements that
// start at a multiple of kTile.
class Tiles {
  public:
    Tiles(const Job& job, const StepKernels& kernels) : job_(job), kernels_(kernels) {}

    // Fetches n elements from `first` on, of all streams or of one.
    void load(int64_t first, int64_t n);
    void load_stream(int s, int64_t first, int64_t n);
    // Writes back what a rule may have changed, and the working copy.
    void store(int64_t first, int64_t n);

    void* const* streams() const { return pointers_; }
    void* scratch(int stream) { return scratch_[stream]; }

  private:
    void store_as(const Operand& to, const void* from, int64_t first, int64_t n) const;
    bool is_plain(const Operand& o) const {
        return o.dtype == (job_.is_f64 ? DType::f64 : DType::f32);
    }

    const Job& job_;
    const StepKernels& kernels_;
    void* pointers_[kMaxStreams];
    alignas(64) char scratch_[kMaxStreams][kTile * sizeof(double)];
};

}  // namespace steepest
