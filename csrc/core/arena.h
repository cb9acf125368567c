// Cuts the caller's workspace into aligned pieces. What does not fit is measured all the same, so
// one function both tells the size and lays the pieces out.
#pragma once

#include <cstddef>
#include <cstdint>

namespace steepest {

class Arena {
  public:
    static constexpr size_t kAlignment = 64;

    Arena(void* base, size_t size) : base_(static_cast<char*>(base)), size_(base ? size : 0) {}

    // Null when the piece does not fit.
    template <class T>
    T* take(int64_t n) {
        const size_t bytes = static_cast<size_t>(n) * sizeof(T);
        const size_t begin = used_;
        used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
        return used_ <= size_ ? reinterpret_cast<T*>(base_ + begin) : nullptr;
    }

    size_t used() const { return used_; }
    bool fits() const { return used_ <= size_; }

  private:
    char* base_;
    size_t size_;
    size_t used_ = 0;
};

}  // namespace steepest
