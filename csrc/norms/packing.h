// Elements of any storage type and strides, as rows of float or double.
#pragma once

#include "core/codecs/bf16.h"
#include "core/codecs/f16.h"
#include "norms/kernel_table.h"
#include "steps/codec_tiles.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace reports {

template <class T>
struct Plain {
    using Storage = T;
    using Value = T;
    STEEPEST_INLINE static T decode(T x) { return x; }
    static void row(const T* __restrict from, T* __restrict to, int64_t n) {
        for (int64_t i = 0; i < n; ++i) to[i] = from[i];
    }
};

template <class Codec>
struct Half {
    using Storage = typename Codec::Storage;
    using Value = float;
    STEEPEST_INLINE static float decode(Storage x) { return Codec::decode(x); }
    static void row(const Storage* from, float* to, int64_t n) { load_tile<Codec>(from, to, n); }
};

// Column by column where a column's elements lie closer together than a row's.
template <class Format>
void pack_strided(const typename Format::Storage* from, const steepest_matrix& m,
                  const norms::Part& part, typename Format::Value* to) {
    const int64_t across = m.row_stride < 0 ? -m.row_stride : m.row_stride;
    const int64_t along = m.col_stride < 0 ? -m.col_stride : m.col_stride;
    if (across < along) {
        for (int64_t j = 0; j < part.cols; ++j)
            for (int64_t i = 0; i < part.rows; ++i)
                to[i * norms::kPackedLd + j] =
                    Format::decode(from[i * m.row_stride + j * m.col_stride]);
    } else {
        for (int64_t i = 0; i < part.rows; ++i)
            for (int64_t j = 0; j < part.cols; ++j)
                to[i * norms::kPackedLd + j] =
                    Format::decode(from[i * m.row_stride + j * m.col_stride]);
    }
}

template <class Format>
void pack(const steepest_matrix& m, const norms::Part& part, double scale, void* packed) {
    using Value = typename Format::Value;
    const auto* from = static_cast<const typename Format::Storage*>(m.data) +
                       part.row * m.row_stride + part.col * m.col_stride;
    auto* to = static_cast<Value*>(packed);
    if (m.col_stride == 1)
        for (int64_t i = 0; i < part.rows; ++i)
            Format::row(from + i * m.row_stride, to + i * norms::kPackedLd, part.cols);
    else
        pack_strided<Format>(from, m, part, to);
    if (scale == 1) return;
    for (int64_t i = 0; i < part.rows; ++i)
        for (int64_t j = 0; j < part.cols; ++j)
            to[i * norms::kPackedLd + j] *= static_cast<Value>(scale);
}

}  // namespace reports
}  // namespace STEEPEST_TARGET
}  // namespace steepest
