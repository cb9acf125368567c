// EF21's loops over elements: candidates for being kept, and mean magnitudes with their signs.
#pragma once

#include "core/philox_wide.h"
#include "core/reduce.h"
#include "curvature/signs.h"
#include "distributed/kernel_table.h"
#include "distributed/signs.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace distributed_kernels {

template <class T>
struct KeyOf;
template <>
struct KeyOf<float> {
    using Type = int32_t;
};
template <>
struct KeyOf<double> {
    using Type = int64_t;
};

STEEPEST_INLINE float size_of_number(float x) { return __builtin_fabsf(x); }
STEEPEST_INLINE double size_of_number(double x) { return __builtin_fabs(x); }

// |scale g - e|, or an infinity for a NaN: their order is that of their bits as integers. The
// compiler knows `n` where it is 64.
template <class T>
STEEPEST_INLINE void magnitudes(T scale, const T* __restrict g, const T* __restrict e, int n,
                                T* __restrict to) {
    constexpr T infinity = static_cast<T>(__builtin_inf());
    for (int l = 0; l < n; ++l) {
        const T size = size_of_number(scale * g[l] - e[l]);
        to[l] = size <= infinity ? size : infinity;
    }
}

// Those of 64 elements, in fours whatever there is: hardly a branch depends on the bits. There is
// room for 64 behind `found`.
template <class Key, class T>
STEEPEST_INLINE int64_t write_candidates(uint64_t bits, const T* key, int32_t place, int64_t found,
                                         const distributed::Found& to) {
    constexpr uint64_t last = uint64_t{1} << 63;  // so that there is one to be found
    Key* keys = static_cast<Key*>(to.keys) + found;
    uint16_t* at = to.at + found;
    const int count = __builtin_popcountll(bits);
    for (int i = 0; i == 0 || i < count; i += 4)
        for (int j = i; j < i + 4; ++j, bits &= bits - 1) {
            const int l = __builtin_ctzll(bits | last);
            keys[j] = __builtin_bit_cast(Key, key[l]);
            at[j] = static_cast<uint16_t>(place + l);
        }
    return found + count;
}

// Those of a number of elements that there is just room for.
template <class Key, class T>
STEEPEST_INLINE int64_t write_few(uint64_t bits, const T* key, int32_t place, int64_t found,
                                  const distributed::Found& to) {
    for (; bits; bits &= bits - 1, ++found) {
        const int l = __builtin_ctzll(bits);
        static_cast<Key*>(to.keys)[found] = __builtin_bit_cast(Key, key[l]);
        to.at[found] = static_cast<uint16_t>(place + l);
    }
    return found;
}

// `bits` tell which of 64 elements are candidates, of which `left` are there.
template <class Key, class T>
STEEPEST_INLINE int64_t write_found(uint64_t bits, const T* key, int64_t left, int32_t place,
                                    int64_t found, const distributed::Found& to) {
    return left >= 64 ? write_candidates<Key>(bits, key, place, found, to)
                      : write_few<Key>(bits & first_bits(left), key, place, found, to);
}

template <class T>
int64_t find_large(double scale, const void* grad, const void* estimate,
                   const distributed::Search& search, const distributed::Found& to) {
    using Key = typename KeyOf<T>::Type;
    const T* g = static_cast<const T*>(grad);
    const T* e = static_cast<const T*>(estimate);
    const T least = __builtin_bit_cast(T, static_cast<Key>(search.least));  // -0 for the lowest
    alignas(64) T size[64] = {};
    int64_t found = 0;
    for (int64_t i = 0; i < search.n; i += 64) {
        const int64_t left = search.n - i;
        if (left >= 64)
            magnitudes(static_cast<T>(scale), g + i, e + i, 64, size);
        else
            magnitudes(static_cast<T>(scale), g + i, e + i, static_cast<int>(left), size);
        found = write_found<Key>(test_bits<Test::at_least>(size, least), size, left,
                                 search.place + static_cast<int32_t>(i), found, to);
    }
    return found;
}

// Word i % 4 of Philox block i / 4 for element i, compared without a sign.
STEEPEST_INLINE void random_keys(const Stream& stream, int64_t first, int32_t* __restrict key) {
    constexpr int kBlocks = distributed::kTile / 4;
    alignas(64) uint64_t low[kBlocks];
    alignas(64) uint64_t high[kBlocks];
    for (int b = 0; b < kBlocks; b += kWideLanes) {
        const WidePhilox r = philox_wide(stream, static_cast<uint64_t>(first / 4 + b));
        __builtin_memcpy(low + b, &r.low, sizeof r.low);
        __builtin_memcpy(high + b, &r.high, sizeof r.high);
    }
    constexpr uint32_t sign = 0x80000000u;
    for (int b = 0; b < kBlocks; ++b) {
        key[4 * b] = static_cast<int32_t>(static_cast<uint32_t>(low[b]) ^ sign);
        key[4 * b + 1] = static_cast<int32_t>(static_cast<uint32_t>(low[b] >> 32) ^ sign);
        key[4 * b + 2] = static_cast<int32_t>(static_cast<uint32_t>(high[b]) ^ sign);
        key[4 * b + 3] = static_cast<int32_t>(static_cast<uint32_t>(high[b] >> 32) ^ sign);
    }
}

inline int64_t find_random(const Stream& stream, int64_t first, const distributed::Search& search,
                           const distributed::Found& to) {
    alignas(64) int32_t key[distributed::kTile];
    random_keys(stream, first, key);
    const auto least = static_cast<int32_t>(search.least);
    int64_t found = 0;
    for (int64_t i = 0; i < search.n; i += 64) {
        alignas(64) float there[64];
        for (int l = 0; l < 64; ++l) there[l] = key[i + l] >= least ? 1.0f : -1.0f;
        found = write_found<int32_t>(test_bits<Test::at_least>(there), key + i, search.n - i,
                                     search.place + static_cast<int32_t>(i), found, to);
    }
    return found;
}

// At most 64 elements, a number that the compiler knows where it is all of them.
template <class T>
STEEPEST_INLINE void difference(T scale, const T* __restrict g, const T* __restrict e, int n,
                                T* __restrict d) {
    for (int l = 0; l < n; ++l) d[l] = scale * g[l] - e[l];
}
template <class T>
STEEPEST_INLINE int difference_row(T scale, const T* g, const T* e, int64_t left, T* d) {
    const int n = static_cast<int>(left < 64 ? left : 64);
    if (n == 64)
        difference(scale, g, e, 64, d);
    else
        difference(scale, g, e, n, d);
    return n;
}

template <class T>
STEEPEST_INLINE void add_magnitudes(const T* __restrict d, int n, double* __restrict lane) {
    for (int l = 0; l < n; ++l) lane[l] += __builtin_fabs(static_cast<double>(d[l]));
}

// n is a multiple of kLanes except at the end of a block.
template <class T>
void sum_magnitudes(double scale, const void* grad, const void* estimate, int64_t n, uint64_t* bits,
                    double* lanes) {
    const T* g = static_cast<const T*>(grad);
    const T* e = static_cast<const T*>(estimate);
    alignas(64) T d[64] = {};
    for (int64_t i = 0; i < n; i += 64) {
        const int m = difference_row(static_cast<T>(scale), g + i, e + i, n - i, d);
        if (m == 64)
            add_magnitudes(d, 64, lanes + i % kLanes);
        else
            add_magnitudes(d, m, lanes + i % kLanes);
        bits[i / 64] = test_bits<Test::at_least>(d) & first_bits(m);
    }
}

template <class T>
STEEPEST_INLINE void move_word(T by, uint32_t word, int n, T* __restrict e) {
    using Bits = typename probes::Word<T>::Bits;
    for (int l = 0; l < n; ++l)
        e[l] = e[l] + ((Bits{word} & probes::kBitTable<Bits>.bit[l]) != 0 ? by : -by);
}

template <class T>
void move_by_signs(double by, const uint64_t* bits, int64_t n, void* estimate) {
    T* e = static_cast<T*>(estimate);
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) move_word(static_cast<T>(by), probes::word_at(bits, i), 32, e + i);
    if (i < n)
        move_word(static_cast<T>(by), probes::word_at(bits, i), static_cast<int>(n - i), e + i);
}

}  // namespace distributed_kernels
}  // namespace STEEPEST_TARGET
}  // namespace steepest
