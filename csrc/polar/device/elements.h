// Elements as doubles in device code, and the tiles that a CUDA block walks.
#pragma once

#include <type_traits>

#include "core/codecs/bf16.h"
#include "core/codecs/f16.h"
#include "polar/device/polar_pass.h"
#include "steps/device/storage.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

struct StoredBf16 {
    uint16_t bits;
};
struct StoredF16 {
    uint16_t bits;
};

STEEPEST_HD STEEPEST_INLINE double widen(float x) { return static_cast<double>(x); }
STEEPEST_HD STEEPEST_INLINE double widen(double x) { return x; }
STEEPEST_HD STEEPEST_INLINE double widen(StoredBf16 h) { return Bf16::decode(h.bits); }
STEEPEST_HD STEEPEST_INLINE double widen(StoredF16 h) { return F16::decode(h.bits); }

STEEPEST_HD STEEPEST_INLINE void put(double x, float& to) { to = static_cast<float>(x); }
STEEPEST_HD STEEPEST_INLINE void put(double x, double& to) { to = x; }
STEEPEST_HD STEEPEST_INLINE void put(double x, StoredBf16& to) {
    to.bits = Bf16::nearest(static_cast<float>(x));
}
STEEPEST_HD STEEPEST_INLINE void put(double x, StoredF16& to) {
    to.bits = F16::nearest(static_cast<float>(x));
}

// Memory of the caller's, which the compiler may then keep apart from shared memory.
template <class T>
STEEPEST_HD STEEPEST_INLINE const T* in_global(const void* data) {
    return static_cast<const T*>(in_global_memory(const_cast<void*>(data)));
}
template <class T>
STEEPEST_HD STEEPEST_INLINE T* in_global(void* data) {
    return static_cast<T*>(in_global_memory(data));
}

// Calls f with a null pointer of the type that a dtype is stored as.
template <class F>
STEEPEST_HD STEEPEST_INLINE void with_stored(int32_t dtype, F&& f) {
    switch (static_cast<DType>(dtype)) {
        case DType::f32:
            return f(static_cast<float*>(nullptr));
        case DType::f64:
            return f(static_cast<double*>(nullptr));
        case DType::bf16:
            return f(static_cast<StoredBf16*>(nullptr));
        case DType::f16:
            return f(static_cast<StoredF16*>(nullptr));
    }
}

// What elements of an iterate are between memory and memory: the next wider type that is a number.
template <class T>
struct HeldAs {
    using Type = float;
};
template <>
struct HeldAs<double> {
    using Type = double;
};

inline constexpr int kSide = 64;  // of a tile

constexpr int64_t tiles_along(int64_t n) { return (n + kSide - 1) / kSide; }
constexpr int64_t tiles_of(const Batch& b) {
    return tiles_along(b.matrix.rows) * tiles_along(b.matrix.cols);
}

// The part of a batch that a CUDA block works on.
struct PolarTile {
    int64_t matrix, number;  // the latter within the matrix
    int64_t row, col;        // of its first element
    int32_t rows, cols;

    STEEPEST_HD STEEPEST_INLINE PolarTile(const Batch& b, int64_t block) {
        const int64_t across = tiles_along(b.matrix.cols), tiles = tiles_of(b);
        matrix = block / tiles;
        number = block % tiles;
        row = number / across * kSide;
        col = number % across * kSide;
        rows = within(b.matrix.rows - row);
        cols = within(b.matrix.cols - col);
    }

    // Calls f(i, j) for the positions in the tile that a thread takes: neighbouring threads are
    // side by side along rows, or along columns.
    template <class F>
    STEEPEST_HD STEEPEST_INLINE void each(int32_t thread, bool along_rows, F&& f) const {
        constexpr int kAtOnce = kThreads / kSide;
        const int32_t inner = thread % kSide, first = thread / kSide;
        if (inner >= (along_rows ? cols : rows)) return;
        const int32_t outer = along_rows ? rows : cols;
        STEEPEST_UNROLL
        for (int k = 0; k < kSide / kAtOnce; ++k) {
            const int32_t at = first + k * kAtOnce;
            if (at < outer) f(along_rows ? at : inner, along_rows ? inner : at);
        }
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE int32_t within(int64_t n) {
        return static_cast<int32_t>(n < kSide ? n : kSide);
    }
};

// A tile of elements of type T in shared memory. The odd length of the rows keeps columns off each
// other's banks.
template <class T>
struct TileMemory {
    typename HeldAs<T>::Type at[kSide][kSide + 1];
};

// The element (i, j) of matrix m of a batch.
template <class T>
STEEPEST_HD STEEPEST_INLINE T* element(const Batch& b, int64_t m, int64_t i, int64_t j) {
    return static_cast<T*>(b.matrix.data) + m * b.stride + i * b.matrix.ld + j;
}

STEEPEST_HD STEEPEST_INLINE int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
