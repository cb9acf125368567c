// Elements of the storage types as doubles.
#pragma once

#include "core/codecs/bf16.h"
#include "core/codecs/f16.h"
#include "core/dtype.h"
#include "core/target.h"

namespace steepest::polar {

STEEPEST_HD inline double decode(float x) { return x; }
STEEPEST_HD inline double decode(double x) { return x; }

struct HalfBf16 {
    uint16_t bits;
};
struct HalfF16 {
    uint16_t bits;
};
STEEPEST_HD inline double decode(HalfBf16 h) { return Bf16::decode(h.bits); }
STEEPEST_HD inline double decode(HalfF16 h) { return F16::decode(h.bits); }

STEEPEST_HD inline void encode(double x, float& to) { to = static_cast<float>(x); }
STEEPEST_HD inline void encode(double x, double& to) { to = x; }
STEEPEST_HD inline void encode(double x, HalfBf16& to) {
    to.bits = Bf16::nearest(static_cast<float>(x));
}
STEEPEST_HD inline void encode(double x, HalfF16& to) {
    to.bits = F16::nearest(static_cast<float>(x));
}

// Calls f with a null pointer of the C++ type that a dtype is stored as.
template <class F>
STEEPEST_HD inline void with_type(DType t, F&& f) {
    switch (t) {
        case DType::f32:
            return f(static_cast<float*>(nullptr));
        case DType::f64:
            return f(static_cast<double*>(nullptr));
        case DType::bf16:
            return f(static_cast<HalfBf16*>(nullptr));
        case DType::f16:
            return f(static_cast<HalfF16*>(nullptr));
    }
}

}  // namespace steepest::polar
