// Random bits and Gaussian values of runs of elements, for any first element.
#pragma once

#include "core/codecs/bf16.h"
#include "core/codecs/f16.h"
#include "core/philox_wide.h"
#include "core/reduce.h"
#include "curvature/gaussian.h"
#include "curvature/kernel_table.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace probes {

using curvature::kPhiloxSigns;
using curvature::kTile;

// Room for the blocks of 128 bits that a block of the tree touches, in whole vectors.
inline constexpr int kPhiloxBlocks = kBlock / kPhiloxSigns + 1 + 2 * kWideLanes;

// Philox blocks from a multiple of kWideLanes on, so that a vector never crosses 2^32.
STEEPEST_INLINE void draw_blocks(const Stream& stream, uint64_t base, int64_t blocks,
                                 uint64_t* __restrict low, uint64_t* __restrict high) {
    for (int64_t b = 0; b < blocks; b += kWideLanes) {
        const WidePhilox r = philox_wide(stream, base + static_cast<uint64_t>(b));
        __builtin_memcpy(low + b, &r.low, sizeof r.low);
        __builtin_memcpy(high + b, &r.high, sizeof r.high);
    }
}

inline void sign_bits(const Stream& stream, int64_t first, int64_t words, uint64_t* bits) {
    alignas(64) uint64_t low[kPhiloxBlocks];
    alignas(64) uint64_t high[kPhiloxBlocks];
    alignas(64) uint64_t drawn[2 * kPhiloxBlocks];
    constexpr int64_t kVectorSigns = kPhiloxSigns * kWideLanes;
    const int64_t base = first / kVectorSigns * kVectorSigns;
    const int64_t blocks = (first - base + 64 * words + kPhiloxSigns - 1) / kPhiloxSigns;
    draw_blocks(stream, static_cast<uint64_t>(base / kPhiloxSigns), blocks, low, high);
    for (int64_t b = 0; b < blocks; ++b) {
        drawn[2 * b] = low[b];
        drawn[2 * b + 1] = high[b];
    }
    const int64_t at = (first - base) / 64;
    const int shift = static_cast<int>((first - base) % 64);
    for (int64_t w = 0; w < words; ++w)
        bits[w] =
            shift ? drawn[at + w] >> shift | drawn[at + w + 1] << (64 - shift) : drawn[at + w];
}

// Two values per Philox block, in double.
STEEPEST_INLINE void draw_gaussians(const Stream& stream, int64_t first, int64_t n, double* to) {
    constexpr int kBlocks = static_cast<int>(kTile) / 2 + 1 + 2 * kWideLanes;
    alignas(64) uint64_t low[kBlocks];
    alignas(64) uint64_t high[kBlocks];
    alignas(64) double values[2 * kBlocks];
    const int64_t base = first / (2 * kWideLanes) * kWideLanes;
    const int64_t blocks = (first + n + 1) / 2 - base;
    draw_blocks(stream, static_cast<uint64_t>(base), blocks, low, high);
    for (int64_t b = 0; b < blocks; ++b) {
        const Pair pair = gaussian_pair(low[b], high[b]);
        values[2 * b] = pair.first;
        values[2 * b + 1] = pair.second;
    }
    __builtin_memcpy(to, values + (first - 2 * base), static_cast<size_t>(n) * sizeof(double));
}

inline void gaussians_f64(const Stream& stream, int64_t first, int64_t n, void* values) {
    draw_gaussians(stream, first, n, static_cast<double*>(values));
}

// Rounded to float, and from there to the codec's storage and back.
struct Plain32 {
    static STEEPEST_INLINE float round(float x) { return x; }
};
template <class Codec>
struct Through {
    static STEEPEST_INLINE float round(float x) { return Codec::decode(Codec::nearest(x)); }
};

template <class Rounding>
void gaussians_f32(const Stream& stream, int64_t first, int64_t n, void* values) {
    alignas(64) double drawn[kTile];
    draw_gaussians(stream, first, n, drawn);
    auto* to = static_cast<float*>(values);
    for (int64_t i = 0; i < n; ++i) to[i] = Rounding::round(static_cast<float>(drawn[i]));
}

}  // namespace probes
}  // namespace STEEPEST_TARGET
}  // namespace steepest
