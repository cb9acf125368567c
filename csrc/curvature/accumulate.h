// Products h = H z at the values or signs of a probe: sums of z h, and statistics.
#pragma once

#include "core/reduce.h"
#include "curvature/kernel_table.h"
#include "curvature/moments.h"
#include "curvature/signs.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace probes {

// At most kLanes elements. Streams never overlap (the callers check), which is what lets the
// compiler use vectors.
template <class T>
STEEPEST_INLINE void sum_row(const T* __restrict z, const T* __restrict h, int n,
                             double* __restrict lanes) {
    for (int l = 0; l < n; ++l) lanes[l] += static_cast<double>(z[l]) * static_cast<double>(h[l]);
}

// Two rows of kLanes, one after the other in every lane: half the traffic of the lanes.
template <class T>
STEEPEST_INLINE void sum_rows(const T* __restrict z, const T* __restrict h,
                              double* __restrict lanes) {
    for (int l = 0; l < kLanes; ++l) {
        const int m = l + kLanes;
        const double first = static_cast<double>(z[l]) * static_cast<double>(h[l]);
        lanes[l] = (lanes[l] + first) + static_cast<double>(z[m]) * static_cast<double>(h[m]);
    }
}

template <class T>
STEEPEST_INLINE void take_values(const T* __restrict z, const T* __restrict h, int64_t n, T share,
                                 T* __restrict mean, T* __restrict scatter) {
    for (int64_t i = 0; i < n; ++i) take_value(z[i] * h[i], share, mean[i], scatter[i]);
}

template <class T>
STEEPEST_INLINE void take_weighted_values(const T* __restrict z, const T* __restrict h, int64_t n,
                                          T* __restrict mean, T* __restrict scatter,
                                          T* __restrict weight) {
    for (int64_t i = 0; i < n; ++i) take_weighted(z[i], h[i], mean[i], scatter[i], weight[i]);
}

template <class T>
void accumulate(const void* probe, const void* product, int64_t n, const curvature::Statistics& to,
                double* lanes) {
    auto* z = static_cast<const T*>(probe);
    auto* h = static_cast<const T*>(product);
    auto* mean = static_cast<T*>(to.mean);
    auto* scatter = static_cast<T*>(to.scatter);
    // First, because it walks all streams in order, which the prefetcher follows.
    if (to.weight)
        take_weighted_values(z, h, n, mean, scatter, static_cast<T*>(to.weight));
    else if (mean)
        take_values(z, h, n, static_cast<T>(to.share), mean, scatter);
    int64_t i = 0;
    for (; i + 2 * kLanes <= n; i += 2 * kLanes) sum_rows(z + i, h + i, lanes);
    for (; i < n; i += kLanes)
        sum_row(z + i, h + i, static_cast<int>(n - i < kLanes ? n - i : kLanes), lanes);
}

// Elements of one stream that are visited before the next stream: streams that lie alike in memory,
// as large arrays do, otherwise keep closing each other's DRAM pages (measured: half the speed).
inline constexpr int kGranule = 64;

// Asks for the lines of a granule some way ahead, as far as the second cache: the first has only so
// many requests under way, and loads wait behind those (measured on Zen 4: a fifth slower).
template <class T>
STEEPEST_INLINE void ask_ahead(const T* at) {
    constexpr uintptr_t kAhead = 768;
    constexpr int kSecondCache = 2;
    const uintptr_t line = reinterpret_cast<uintptr_t>(at) + kAhead;
    for (size_t i = 0; i < kGranule * sizeof(T); i += 64)
        __builtin_prefetch(reinterpret_cast<const void*>(line + i), 0, kSecondCache);
}

// x = z h for at most 32 elements: to multiply by a sign is to change one.
template <class T>
STEEPEST_INLINE void change_signs(uint32_t word, int n, const T* __restrict h, T* __restrict x,
                                  double* __restrict lanes) {
    using Bits = typename Word<T>::Bits;
    for (int l = 0; l < n; ++l) {
        x[l] = __builtin_bit_cast(T, __builtin_bit_cast(Bits, h[l]) ^ sign_of<T>(word, l));
        lanes[l] += static_cast<double>(x[l]);
    }
}

template <class T>
STEEPEST_INLINE void take_granule(int n, T* __restrict x, T share, T* __restrict mean,
                                  T* __restrict scatter) {
    for (int l = 0; l < n; ++l) x[l] = take_mean(x[l], share, mean[l]);
    ask_ahead(mean);
    for (int l = 0; l < n; ++l) take_deviation(x[l], share, scatter[l]);
    ask_ahead(scatter);
}

// The signs of the elements from i on, of n: 64 as far as there are so many.
STEEPEST_INLINE uint64_t signs_at(const uint64_t* bits, int64_t i, int64_t n) {
    const int64_t word = i / 64;
    const int past = static_cast<int>(i % 64);
    if (past == 0) return bits[word];
    const uint64_t above = 64 * (word + 1) < n ? bits[word + 1] << (64 - past) : 0;
    return bits[word] >> past | above;
}

// Elements before the next line of the cache, where there are enough to be worth it: a vector that
// is stored across two lines costs as much as two.
template <class T>
STEEPEST_INLINE int before_line(const T* at, int64_t n) {
    constexpr int64_t kWorth = 1024;
    constexpr uintptr_t kElements = 64 / sizeof(T);
    if (n < kWorth) return 0;
    return static_cast<int>((0 - reinterpret_cast<uintptr_t>(at) / sizeof(T)) % kElements);
}

// Those before a line, whole granules, then what is left. The first lanes move behind the last
// meanwhile, so that those of a granule lie side by side.
template <bool kStatistics, class T>
void walk_signs(const uint64_t* bits, const T* h, int64_t n, T share, T* mean, T* scatter,
                double* lanes) {
    static_assert(64 / sizeof(T) <= curvature::kSpareLanes);
    alignas(64) T x[kGranule];
    const int odd = kStatistics ? before_line(mean, n) : 0;
    for (int l = 0; l < odd; ++l) lanes[kLanes + l] = lanes[l];
    const auto take_some = [&](int64_t i, int m, double* to) {
        change_signs(static_cast<uint32_t>(signs_at(bits, i, n)), m, h + i, x, to);
        if constexpr (kStatistics) take_granule(m, x, share, mean + i, scatter + i);
    };
    if (odd > 0) take_some(0, odd, lanes + kLanes);
    int64_t i = odd;
    for (; i + kGranule <= n; i += kGranule) {
        const uint64_t word = signs_at(bits, i, n);
        double* to = lanes + odd + (i - odd) % kLanes;
        change_signs(static_cast<uint32_t>(word), 32, h + i, x, to);
        change_signs(static_cast<uint32_t>(word >> 32), 32, h + i + 32, x + 32, to + 32);
        ask_ahead(h + i);
        if constexpr (kStatistics) take_granule(kGranule, x, share, mean + i, scatter + i);
    }
    for (int m = 0; i < n; i += m) {
        m = static_cast<int>(n - i < 32 ? n - i : 32);
        take_some(i, m, lanes + odd + (i - odd) % kLanes);
    }
    for (int l = 0; l < odd; ++l) lanes[l] = lanes[kLanes + l];
}

template <class T>
void accumulate_signs(const uint64_t* bits, const void* product, int64_t n,
                      const curvature::Statistics& to, double* lanes) {
    auto* h = static_cast<const T*>(product);
    auto* mean = static_cast<T*>(to.mean);
    auto* scatter = static_cast<T*>(to.scatter);
    const T share = static_cast<T>(to.share);
    if (mean)
        walk_signs<true>(bits, h, n, share, mean, scatter, lanes);
    else
        walk_signs<false>(bits, h, n, share, mean, scatter, lanes);
}

}  // namespace probes
}  // namespace STEEPEST_TARGET
}  // namespace steepest
