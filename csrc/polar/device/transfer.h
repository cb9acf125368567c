// Matrices of the caller, of any strides and storage type, to the iterate and back. A tile goes
// through shared memory, so that both sides are walked along memory whichever way it runs.
#pragma once

#include "polar/device/elements.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// The caller's elements as doubles: f(x, i, j).
template <class F>
STEEPEST_HD STEEPEST_INLINE void fetch_view(const PolarView& v, const PolarTile& t, int32_t thread,
                                            F&& f) {
    const bool along_rows = magnitude(v.col_stride) <= magnitude(v.row_stride);
    with_stored(v.dtype, [&](auto* type) {
        const auto* x = in_global<std::remove_pointer_t<decltype(type)>>(v.data) +
                        t.row * v.row_stride + t.col * v.col_stride;
        t.each(thread, along_rows, [&](int32_t i, int32_t j) {
            f(widen(x[i * v.row_stride + j * v.col_stride]), i, j);
        });
    });
}

// x power factor, the product in double, rounded once to what the iterate's type is held as.
template <class T>
STEEPEST_HD STEEPEST_INLINE void fetch_scaled(const PolarPass& pass, const PolarTile& t,
                                              int32_t thread, TileMemory<T>& memory) {
    const PolarScale scale = pass.scales[t.matrix];
    fetch_view(pass.views[t.matrix], t, thread, [&](double x, int32_t i, int32_t j) {
        put(x * scale.power * scale.factor, memory.at[i][j]);
    });
}

template <class T>
STEEPEST_HD STEEPEST_INLINE void put_iterate(const PolarPass& pass, const PolarTile& t,
                                             int32_t thread, const TileMemory<T>& memory) {
    T* x = element<T>(pass.to, t.matrix, t.row, t.col);
    t.each(thread, true,
           [&](int32_t i, int32_t j) { put(memory.at[i][j], x[i * pass.to.matrix.ld + j]); });
}

template <class T>
STEEPEST_HD STEEPEST_INLINE void fetch_iterate(const PolarPass& pass, const PolarTile& t,
                                               int32_t thread, TileMemory<T>& memory) {
    const T* x = element<T>(pass.from, t.matrix, t.row, t.col);
    t.each(thread, true, [&](int32_t i, int32_t j) {
        put(widen(x[i * pass.from.matrix.ld + j]), memory.at[i][j]);
    });
}

// Rounds to the storage type of the result.
template <class T>
STEEPEST_HD STEEPEST_INLINE void put_result(const PolarPass& pass, const PolarTile& t,
                                            int32_t thread, const TileMemory<T>& memory) {
    const PolarView& v = pass.views[t.matrix];
    const bool along_rows = magnitude(v.result_col_stride) <= magnitude(v.result_row_stride);
    with_stored(v.dtype, [&](auto* type) {
        auto* out = in_global<std::remove_pointer_t<decltype(type)>>(v.result) +
                    t.row * v.result_row_stride + t.col * v.result_col_stride;
        t.each(thread, along_rows, [&](int32_t i, int32_t j) {
            put(memory.at[i][j], out[i * v.result_row_stride + j * v.result_col_stride]);
        });
    });
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
