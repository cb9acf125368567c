// Finds arrays that share memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace steepest::bindings {

// A written array: stream name and tensor say whose it is.
struct Extent {
    uintptr_t begin, end;
    const char* stream;
    int64_t tensor;
};

class WrittenMemory {
  public:
    void add(const void* data, int64_t bytes, const char* stream, int64_t tensor);
    // Orders the extents; raises ValueError when two of them overlap.
    void seal();
    // The written array that shares memory with this one, or null. `hint` is a number to keep for
    // the next question about the same array: fresh gradients tend to lie in the same gap as the
    // last ones.
    const Extent* find(const void* data, int64_t bytes, size_t& hint) const;

    const std::vector<Extent>& extents() const { return extents_; }

  private:
    std::vector<Extent> extents_;
};

}  // namespace steepest::bindings
