// Aligned memory with values in it.
#pragma once

#include <steepest/steepest.h>

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "micro/cases.h"

namespace steepest::bench {

inline size_t item_size(int32_t dtype) {
    return dtype == STEEPEST_F64 ? 8 : dtype == STEEPEST_F32 ? 4 : 2;
}

// Bytes from a multiple of 64, as a workspace must be.
class Memory {
  public:
    Memory() = default;
    explicit Memory(size_t size) : size_(size) {
        data_.reset(std::aligned_alloc(64, (size + 63) / 64 * 64 + 64));
        if (!data_) fail("no memory for " + std::to_string(size) + " bytes");
    }
    void* data() const { return data_.get(); }
    size_t size() const { return size_; }

  private:
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };
    std::unique_ptr<void, Free> data_;
    size_t size_ = 0;
};

// Values from 0 to 1, less `below`, times `scale`: about random, the same every time.
inline Memory values(int64_t count, int32_t dtype, float below = 0.5f, float scale = 1) {
    Memory memory(static_cast<size_t>(count) * item_size(dtype));
    uint32_t state = 1;
    for (int64_t i = 0; i < count; ++i) {
        state = state * 1664525u + 1013904223u;
        const float v = (static_cast<float>(state >> 8) * 0x1p-24f - below) * scale;
        const auto upper = static_cast<uint16_t>(std::bit_cast<uint32_t>(v) >> 16);
        if (dtype == STEEPEST_F64) static_cast<double*>(memory.data())[i] = v;
        if (dtype == STEEPEST_F32) static_cast<float*>(memory.data())[i] = v;
        if (dtype == STEEPEST_BF16) static_cast<uint16_t*>(memory.data())[i] = upper;
    }
    return memory;
}

}  // namespace steepest::bench
