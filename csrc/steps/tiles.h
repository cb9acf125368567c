// The tile pipeline: presents every stream of a job as a run of T, whatever it is stored as.
#pragma once

#include "steps/call.h"
#include "steps/job.h"

namespace steepest {

// Stores n values of T from element `first` on, in the storage type and rounding of `to`.
void store_values(const Operand& to, const Job& job, const StepKernels& kernels, const void* from,
                  int64_t first, int64_t n);

// Scratch for one thread and the pointers that kernels read, for tiles of at most kTile elements
// that start at a multiple of kTile.
class Tiles {
  public:
    Tiles(const Job& job, const StepKernels& kernels);

    // Fetches n elements from `first` on, of all streams or of one.
    void load(int64_t first, int64_t n) {
        for (int s = 0; s < job_.streams; ++s) load_stream(s, first, n);
    }
    void load_stream(int s, int64_t first, int64_t n);
    // Writes back what a rule may have changed, and the working copy.
    void store(int64_t first, int64_t n);

    void* const* streams() const { return pointers_; }
    void* scratch(int stream) { return scratch_[stream]; }

    // Values of rows or columns as they are stored; without a codec they are T.
    struct Axis {
        Operand values;
        LoadFn codec;
        bool runs;      // along a line: one value per element, else one per line
        bool periodic;  // and tiles of whole lines are all alike

        // Where the values of a line begin, which lines of a matrix share.
        int64_t run_of(const Geometry& g, int64_t line) const {
            return line / g.outer() * g.inner();
        }
    };

  private:
    // How a stream gets into T: as it is, as a copy, through a codec, from nothing, or from rows or
    // columns.
    enum class Way { plain, copied, codec, absent, axis };

    Axis axis_of(int s) const;
    void find_line(int64_t element);
    void load_axis(int s, int64_t first, int64_t n);
    template <class T>
    void load_axis_as(int s, int64_t at, int64_t n);

    const Job& job_;
    const StepKernels& kernels_;
    Way way_[kMaxStreams];
    void* pointers_[kMaxStreams];
    Axis axis_[kMaxStreams];
    int64_t held_[kMaxStreams];  // the line whose value fills the scratch, 0 for lines, or -1
    int64_t line_ = 0, line_begin_ = 0;
    alignas(64) char scratch_[kMaxStreams][kTile * sizeof(double)];
};

}  // namespace steepest
