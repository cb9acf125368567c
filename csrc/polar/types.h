// The types of products, as the C ABI names them.
#pragma once

#include "polar/products.h"
#include "steepest/steepest.h"

namespace steepest::polar {

// float16 is for devices.
inline bool is_product_type(int32_t t, bool on_device) {
    return t == STEEPEST_F32 || t == STEEPEST_F64 || t == STEEPEST_BF16 ||
           (t == STEEPEST_F16 && on_device);
}

inline Type product_type(int32_t t) {
    return t == STEEPEST_F64    ? Type::f64
           : t == STEEPEST_F32  ? Type::f32
           : t == STEEPEST_BF16 ? Type::bf16
                                : Type::f16;
}

}  // namespace steepest::polar
