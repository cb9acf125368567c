// Panels of an operand. An operand type says what a unit is, how units are read along the inner
// dimension (from rows of A) and across it (from rows of B).
#pragma once

#include "polar/kernel_table.h"
#include "polar/vectors.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace products {

// Elements of T as they are. Sums are kept in registers over `kRun` units, 0 for all of a panel,
// before they are added to the accumulators in memory.
template <class T>
struct Plain {
    using Element = T;
    using Unit = T;
    using Sum = T;
    using Accumulator = T;
    static constexpr int kUnit = 1;
    static constexpr int64_t kRun = 0;
    static STEEPEST_INLINE Vector<T> along(const T* p) { return load(p); }
    static STEEPEST_INLINE Vector<T> along_some(const T* p, int64_t n) { return load_some(p, n); }
    static STEEPEST_INLINE Vector<T> across(const T* p, const T*, int64_t n) {
        return load_some(p, n);
    }
    static STEEPEST_INLINE Vector<T> multiply_add(const T* a, Vector<T> b, Vector<T> c) {
        return products::multiply_add(broadcast(*a), b, c);
    }
};

// float, of whose products 32 at a time are summed in float and those sums in double.
struct LongSums : Plain<float> {
    using Accumulator = double;
    static constexpr int64_t kRun = polar::kShortRun;
};

// bfloat16 widened to float.
struct Widened {
    using Element = uint16_t;
    using Unit = float;
    using Sum = float;
    using Accumulator = float;
    static constexpr int kUnit = 1;
    static constexpr int64_t kRun = 0;
    static constexpr int kLanes = kLanesOf<float>;
    static STEEPEST_INLINE Vector<float> along(const uint16_t* p) {
        return widen(load<uint16_t, kLanes>(p));
    }
    static STEEPEST_INLINE Vector<float> along_some(const uint16_t* p, int64_t n) {
        return widen(load_some<uint16_t, kLanes>(p, n));
    }
    static STEEPEST_INLINE Vector<float> across(const uint16_t* p, const uint16_t*, int64_t n) {
        return along_some(p, n);
    }
    static STEEPEST_INLINE Vector<float> multiply_add(const float* a, Vector<float> b,
                                                      Vector<float> c) {
        return Plain<float>::multiply_add(a, b, c);
    }
};

#if defined(__AVX512BF16__)
// Pairs of bfloat16, multiplied by the dot product instruction.
struct Pairs {
    using Element = uint16_t;
    using Unit = uint32_t;
    using Sum = float;
    using Accumulator = float;
    static constexpr int kUnit = 2;
    static constexpr int64_t kRun = 0;
    static constexpr int kLanes = kLanesOf<float>;
    static STEEPEST_INLINE FloatBits along(const uint16_t* p) {
        return __builtin_bit_cast(FloatBits, _mm512_loadu_si512(p));
    }
    static STEEPEST_INLINE FloatBits along_some(const uint16_t* p, int64_t n) {
        const uint32_t mask = n >= 32 ? ~0u : (1u << n) - 1;
        return __builtin_bit_cast(FloatBits, _mm512_maskz_loadu_epi16(mask, p));
    }
    // `next` is the same place in the next row, or null behind the last one.
    static STEEPEST_INLINE FloatBits across(const uint16_t* p, const uint16_t* next, int64_t n) {
        const FloatBits low =
            __builtin_convertvector((load_some<uint16_t, kLanes>(p, n)), FloatBits);
        if (!next) return low;
        return low | __builtin_convertvector((load_some<uint16_t, kLanes>(next, n)), FloatBits)
                         << 16;
    }
    static STEEPEST_INLINE Vector<float> multiply_add(const uint32_t* a, FloatBits b,
                                                      Vector<float> c) {
        return _mm512_dpbf16_ps(
            c, __builtin_bit_cast(__m512bh, _mm512_set1_epi32(static_cast<int>(*a))),
            __builtin_bit_cast(__m512bh, b));
    }
};
using Bf16Operand = Pairs;
#else
using Bf16Operand = Widened;
#endif

// A square of vectors, read along the rows and written with rows and columns exchanged.
template <class O, int Panel>
STEEPEST_INLINE void pack_square(const typename O::Element* from, int64_t ld,
                                 typename O::Unit* to) {
    constexpr int lanes = kLanesOf<typename O::Unit>;
    Vector<typename O::Unit> row[lanes];
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) row[i] = O::along(from + i * ld);
    transpose(row);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) store(to + i * Panel, row[i]);
}

// The same at an edge: `rows` rows of `inner` elements, zeros around them, as many lines written as
// there are units.
template <class O, int Panel>
void pack_edge(const typename O::Element* from, int64_t ld, int64_t rows, int64_t inner,
               typename O::Unit* to) {
    constexpr int lanes = kLanesOf<typename O::Unit>;
    Vector<typename O::Unit> row[lanes];
    for (int i = 0; i < lanes; ++i)
        row[i] = i < rows ? O::along_some(from + i * ld, inner) : Vector<typename O::Unit>{};
    transpose(row);
    const int64_t units = (inner + O::kUnit - 1) / O::kUnit;
    for (int i = 0; i < lanes && i < units; ++i) store(to + i * Panel, row[i]);
}

template <class O, int Panel>
void pack_rows(const void* source, int64_t ld, int64_t rows, int64_t inner, void* panel) {
    constexpr int lanes = kLanesOf<typename O::Unit>;
    constexpr int64_t step = lanes * O::kUnit;
    for (int64_t r = 0; r < Panel; r += lanes) {
        auto* from = static_cast<const typename O::Element*>(source) + (r < rows ? r * ld : 0);
        auto* to = static_cast<typename O::Unit*>(panel) + r;
        int64_t k = 0;
        if (r + lanes <= rows)
            for (; k + step <= inner; k += step, to += lanes * Panel)
                pack_square<O, Panel>(from + k, ld, to);
        for (; k < inner; k += step, to += lanes * Panel)
            pack_edge<O, Panel>(from + k, ld, rows - r, inner - k, to);
    }
}

template <class O, int Panel>
void pack_columns(const void* source, int64_t ld, int64_t cols, int64_t inner, void* panel) {
    constexpr int lanes = kLanesOf<typename O::Unit>;
    auto* from = static_cast<const typename O::Element*>(source);
    auto* to = static_cast<typename O::Unit*>(panel);
    for (int64_t k = 0; k < inner; k += O::kUnit, from += O::kUnit * ld, to += Panel) {
        const bool last = k + 1 == inner;
        for (int64_t c = 0; c < Panel; c += lanes) {
            const int64_t left = cols - c;
            const auto* next = last ? nullptr : from + ld + (left > 0 ? c : 0);
            store(to + c, left > 0 ? O::across(from + c, next, left) : Vector<typename O::Unit>{});
        }
    }
}

}  // namespace products
}  // namespace STEEPEST_TARGET
}  // namespace steepest
