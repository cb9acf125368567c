// Storage types of a stream. Arithmetic is in float, or in double when the storage is double.
#pragma once

#include <cstdint>

namespace steepest {

enum class DType : int32_t { f32 = 0, f64 = 1, bf16 = 2, f16 = 3 };
inline constexpr int kDTypes = 4;

enum class Rounding : int32_t { nearest = 0, stochastic = 1 };

constexpr int64_t size_of(DType t) { return t == DType::f64 ? 8 : t == DType::f32 ? 4 : 2; }

// Distance from 1 to the next larger number of the type.
constexpr double epsilon_of(DType t) {
    switch (t) {
        case DType::f64:
            return 0x1p-52;
        case DType::f32:
            return 0x1p-23;
        case DType::bf16:
            return 0x1p-7;
        case DType::f16:
            return 0x1p-10;
    }
    return 0;
}

}  // namespace steepest
