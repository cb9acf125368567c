// What the calls over lists of tensors and planes of bits have in common.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/dtype.h"
#include "distributed/kernel_table.h"
#include "steepest/steepest.h"
#include "steps/job.h"

namespace steepest::distributed {

constexpr int64_t plane_bytes(int64_t count) { return (count + 7) / 8; }

// The i-th struct of an array whose structs may be longer than this library knows.
template <class Tensor>
const Tensor& tensor_at(const Tensor* tensors, size_t size, int64_t i) {
    return *reinterpret_cast<const Tensor*>(reinterpret_cast<const char*>(tensors) +
                                            static_cast<size_t>(i) * size);
}

// Bytes of one plane of all tensors.
template <class Args>
int64_t plane_bytes_of(const Args& a) {
    int64_t bytes = 0;
    for (int64_t i = 0; i < a.tensor_count; ++i)
        bytes += plane_bytes(tensor_at(a.tensors, a.tensor_size, i).count);
    return bytes;
}

inline steepest_status check_array(const steepest_array& a, bool is_f64) {
    if (a.dtype < 0 || a.dtype >= kDTypes || (a.dtype == STEEPEST_F64) != is_f64 ||
        a.rounding < 0 || a.rounding > 1)
        return STEEPEST_INVALID_DTYPE;
    const auto size = static_cast<uintptr_t>(size_of(static_cast<DType>(a.dtype)));
    return reinterpret_cast<uintptr_t>(a.data) % size ? STEEPEST_INVALID_ARGUMENT : STEEPEST_OK;
}

// An array that has data unless it is empty.
inline steepest_status check_given(const steepest_array& a, bool is_f64, int64_t count) {
    if (!a.data && count > 0) return STEEPEST_INVALID_ARGUMENT;
    return check_array(a, is_f64);
}

// The number of elements, and the step where something is drawn at random.
inline bool is_tensor(int64_t count, int64_t step, bool random) {
    return count >= 0 && count <= kMostElements && (!random || (step >= 1 && step <= UINT32_MAX));
}

// The stream numbers of Lion as a step: the same draws give the same bits.
inline constexpr uint32_t kParamPurpose = kRoundingPurpose;
inline constexpr uint32_t kMomentumPurpose = kRoundingPurpose + 2;
inline constexpr uint32_t kCopyPurpose = kRoundingPurpose + kMaxStreams;

template <class Tensor>
Stream stream_of(const Tensor& t, uint32_t purpose) {
    return {
        .seed = t.seed, .purpose = purpose, .draw = static_cast<uint32_t>(t.step), .tensor = t.id};
}

// One array of a call by tiles: its own memory where that holds T, else scratch.
class TileOf {
  public:
    TileOf(const steepest_array& a, const Stream& random, const DistributedKernels& kernels)
        : array_(a), random_(random), kernels_(kernels) {}

    void* load(int64_t first, int64_t n) {
        const LoadFn decode = kernels_.load[array_.dtype];
        if (!decode) return at(first);
        decode(at(first), scratch_, n);
        return scratch_;
    }
    // What `load` gave and a kernel has changed.
    void store(int64_t first, int64_t n) {
        if (kernels_.store[array_.dtype]) store_from(scratch_, first, n);
    }
    // n floats, or doubles for an array of these.
    void store_from(const void* values, int64_t first, int64_t n) {
        const auto t = array_.dtype;
        const auto* from = static_cast<const float*>(values);
        if (!kernels_.store[t])
            std::memcpy(at(first), values, static_cast<size_t>(n * size_of(static_cast<DType>(t))));
        else if (array_.rounding == STEEPEST_STOCHASTIC)
            kernels_.store_randomly[t](from, at(first), n, random_, first);
        else
            kernels_.store[t](from, at(first), n);
    }

  private:
    char* at(int64_t first) const {
        return static_cast<char*>(array_.data) + first * size_of(static_cast<DType>(array_.dtype));
    }

    const steepest_array& array_;
    Stream random_;
    const DistributedKernels& kernels_;
    alignas(64) float scratch_[kTile];
};

}  // namespace steepest::distributed
