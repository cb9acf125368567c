// Adaptive clipping on a device: a warp takes a unit, sums over it in the tree of core/reduce.h,
// and scales it.
#pragma once

#include "steps/device/lanes.h"
#include "steps/device/locate.h"
#include "steps/device/storage.h"
#include "steps/units.h"

namespace steepest::device {

// The units of one tensor.
struct Unit {
    void* grad;
    const void* param;
    int64_t length;
    uint8_t grad_dtype;
    uint8_t param_dtype;
};

// The arguments of the kernel.
struct UnitPass {
    const Unit* units;     // by tensor
    const int32_t* first;  // units before each tensor, count + 1 numbers
    int32_t count;         // of tensors
    double factor;
    double eps;
};

inline namespace STEEPEST_TARGET {

template <class T>
STEEPEST_HD STEEPEST_INLINE void add_block_as(const void* data, uint8_t dtype, int64_t first,
                                              int64_t length, int64_t b, int32_t lane,
                                              double (&held)[kHeld]) {
    constexpr int kRows = 4;
    const int64_t begin = b * kBlock;
    const int64_t n = length - begin < kBlock ? length - begin : kBlock;
    Raw<T> raw[kRows] = {};
    each_element<kRows>(
        first + begin, n, lane,
        [&](int k, int64_t i) { raw[k / kHeld].fetch_one(k % kHeld, data, dtype, i); },
        [&](int h, int k, int64_t) {
            const double v = raw[k / kHeld].decode_one(k % kHeld, dtype);
            held[h] += v * v;
        });
}

STEEPEST_HD STEEPEST_INLINE bool is_double(uint8_t dtype) {
    return dtype == static_cast<uint8_t>(DType::f64);
}

// Adds what one thread has of block `b` of a unit that begins at element `first`.
STEEPEST_HD STEEPEST_INLINE void add_unit_block(const void* data, uint8_t dtype, int64_t first,
                                                int64_t length, int64_t b, int32_t lane,
                                                double (&held)[kHeld]) {
    if (is_double(dtype))
        add_block_as<double>(data, dtype, first, length, b, lane, held);
    else
        add_block_as<float>(data, dtype, first, length, b, lane, held);
}

template <class T>
STEEPEST_HD STEEPEST_INLINE void scale_as(const Unit& u, int64_t first, T coefficient,
                                          int32_t lane) {
    constexpr int kRows = 2;
    const int64_t size = sizeof(T) == 8 ? 8 : is_half(u.grad_dtype) ? 2 : 4;
    Raw<T> raw[kRows] = {};
    each_element<kRows>(
        first, u.length, lane,
        [&](int k, int64_t i) { raw[k / kHeld].fetch_one(k % kHeld, u.grad, u.grad_dtype, i); },
        [&](int, int k, int64_t i) {
            const T g = raw[k / kHeld].decode_one(k % kHeld, u.grad_dtype);
            const Sink to{static_cast<char*>(u.grad) + i * size, i, {}, u.grad_dtype, true, false};
            store_one(to, g * coefficient, 0);
        });
}

STEEPEST_HD STEEPEST_INLINE void scale_unit(const Unit& u, int64_t first, double coefficient,
                                            int32_t lane) {
    if (coefficient == 1) return;
    if (is_double(u.grad_dtype))
        scale_as<double>(u, first, coefficient, lane);
    else
        scale_as<float>(u, first, static_cast<float>(coefficient), lane);
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
