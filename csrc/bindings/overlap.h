// Finds arrays that share memory.
#pragma once

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
    // The written array that shares memory with this one, or null.
    const Extent* find(const void* data, int64_t bytes) const;

  private:
    std::vector<Extent> extents_;
};

}  // namespace steepest::bindings
