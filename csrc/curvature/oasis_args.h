// The arguments of a measurement for OASIS, by tensor and array.
#pragma once

#include <array>

#include "core/reduce.h"
#include "curvature/kernel_table.h"
#include "steepest/steepest.h"

namespace steepest::curvature {

inline constexpr int kOasisStreams = 6;

using OasisArrays = std::array<const steepest_oasis_array*, kOasisStreams>;

inline const steepest_oasis_tensor& tensor_at(const steepest_oasis_args& a, int64_t i) {
    return *reinterpret_cast<const steepest_oasis_tensor*>(
        reinterpret_cast<const char*>(a.tensors) + static_cast<size_t>(i) * a.tensor_size);
}

// In the order of the kernels; the last one may have no values.
inline OasisArrays arrays_of(const steepest_oasis_tensor& t) {
    return {&t.param, &t.previous_param, &t.grad, &t.previous_grad, &t.diagonal, &t.hessian};
}

inline OasisOptions options_of(const steepest_oasis_tensor& t, const steepest_oasis_args& a) {
    return {.beta2 = a.beta2, .alpha = a.alpha, .factor = a.factor, .decay = t.weight_decay};
}

inline int64_t blocks_of(const steepest_oasis_tensor& t) { return (t.count + kBlock - 1) / kBlock; }

}  // namespace steepest::curvature
