// Elements between memory and registers. A fetch only issues the loads, so that those of all
// streams are under way before the first is decoded.
#pragma once

#include "core/codecs/bf16.h"
#include "core/codecs/f16.h"
#include "core/philox.h"
#include "steps/device/descriptors.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// Tells the compiler what it cannot see of an address that was itself read from memory: loads and
// stores then need not find out where they go.
STEEPEST_HD STEEPEST_INLINE void* in_global_memory(void* data) {
#ifdef __CUDA_ARCH__
    __builtin_assume(__isGlobal(data));
#endif
    return data;
}

// Neighbours that a thread takes as one access of at most 16 bytes: four, or two doubles.
template <class U>
inline constexpr int kGroupOf = sizeof(U) == 8 ? kGroup / 2 : kGroup;

template <class U>
struct alignas(sizeof(U) * kGroupOf<U>) Neighbours {
    U v[kGroupOf<U>];
};

template <class U>
STEEPEST_HD STEEPEST_INLINE const Neighbours<U>* group_at(const void* data, int64_t i) {
    return reinterpret_cast<const Neighbours<U>*>(static_cast<const U*>(data) + i);
}

STEEPEST_HD STEEPEST_INLINE bool is_half(uint8_t dtype) {
    return dtype >= static_cast<uint8_t>(DType::bf16);
}

STEEPEST_HD STEEPEST_INLINE float as_float(uint32_t bits) {
    return __builtin_bit_cast(float, bits);
}

// Entry k of a few that are in registers, where k is not known when the code is compiled.
template <int n, class U>
STEEPEST_HD STEEPEST_INLINE U picked(const U* v, int k) {
    U x = v[0];
    STEEPEST_UNROLL
    for (int j = 1; j < n; ++j) x = j == k ? v[j] : x;
    return x;
}
template <class U, int n>
STEEPEST_HD STEEPEST_INLINE void put_at(U (&v)[n], int k, U x) {
    STEEPEST_UNROLL
    for (int j = 0; j < n; ++j) v[j] = j == k ? x : v[j];
}

// Values as they are stored. T is the precision of the arithmetic; float has codecs.
template <class T>
struct Raw;

template <>
struct Raw<double> {
    static constexpr int kSize = kGroupOf<double>;
    double v[kGroup];  // single elements may fill all of it

    STEEPEST_HD STEEPEST_INLINE void fetch_group(const void* data, uint8_t, int64_t i) {
        const Neighbours<double> group = *group_at<double>(data, i);
        STEEPEST_UNROLL
        for (int k = 0; k < kSize; ++k) v[k] = group.v[k];
    }
    STEEPEST_HD STEEPEST_INLINE void fetch_one(int k, const void* data, uint8_t, int64_t i) {
        v[k] = static_cast<const double*>(data)[i];
    }
    STEEPEST_HD STEEPEST_INLINE void decode_group(double* to, uint8_t, bool) const {
        STEEPEST_UNROLL
        for (int k = 0; k < kSize; ++k) to[k] = v[k];
    }
    STEEPEST_HD STEEPEST_INLINE double decode_one(int k, uint8_t) const { return v[k]; }
    // kEach elements, kStride apart; not all of them: those before `stop`.
    template <int kEach, int kStride, bool kAll = true>
    STEEPEST_HD STEEPEST_INLINE void fetch_apart(const void* data, uint8_t, int64_t i,
                                                 int64_t stop = 0) {
        STEEPEST_UNROLL
        for (int k = 0; k < kEach; ++k)
            if (kAll || i + k * kStride < stop)
                v[k] = static_cast<const double*>(data)[i + k * kStride];
    }
    template <int n>
    STEEPEST_HD STEEPEST_INLINE double decode_picked(int k, uint8_t) const {
        return picked<n>(v, k);
    }
};

template <>
struct Raw<float> {
    uint32_t w[kGroup];

    STEEPEST_HD STEEPEST_INLINE void fetch_group(const void* data, uint8_t dtype, int64_t i) {
        if (is_half(dtype)) {
            struct alignas(8) Pair {
                uint32_t v[2];
            };
            const Pair pair =
                *reinterpret_cast<const Pair*>(static_cast<const uint16_t*>(data) + i);
            w[0] = pair.v[0];
            w[1] = pair.v[1];
        } else {
            const Neighbours<uint32_t> group = *group_at<uint32_t>(data, i);
            STEEPEST_UNROLL
            for (int k = 0; k < kGroup; ++k) w[k] = group.v[k];
        }
    }
    STEEPEST_HD STEEPEST_INLINE void fetch_one(int k, const void* data, uint8_t dtype, int64_t i) {
        w[k] = is_half(dtype) ? static_cast<const uint16_t*>(data)[i]
                              : static_cast<const uint32_t*>(data)[i];
    }
    STEEPEST_HD STEEPEST_INLINE void decode_group(float* to, uint8_t dtype, bool may_be_f16) const {
        if (!is_half(dtype)) {
            STEEPEST_UNROLL
            for (int k = 0; k < kGroup; ++k) to[k] = as_float(w[k]);
        } else if (!may_be_f16 || dtype == static_cast<uint8_t>(DType::bf16)) {
            STEEPEST_UNROLL
            for (int k = 0; k < kGroup; ++k) to[k] = Bf16::decode(half(k));
        } else {
            STEEPEST_UNROLL
            for (int k = 0; k < kGroup; ++k) to[k] = F16::decode(half(k));
        }
    }
    STEEPEST_HD STEEPEST_INLINE float decode_one(int k, uint8_t dtype) const {
        return decode(w[k], dtype);
    }
    template <int kEach, int kStride, bool kAll = true>
    STEEPEST_HD STEEPEST_INLINE void fetch_apart(const void* data, uint8_t dtype, int64_t i,
                                                 int64_t stop = 0) {
        if (is_half(dtype))
            words_apart<kEach, kStride, kAll>(static_cast<const uint16_t*>(data), i, stop);
        else
            words_apart<kEach, kStride, kAll>(static_cast<const uint32_t*>(data), i, stop);
    }
    template <int n>
    STEEPEST_HD STEEPEST_INLINE float decode_picked(int k, uint8_t dtype) const {
        return decode(picked<n>(w, k), dtype);
    }

  private:
    template <int kEach, int kStride, bool kAll, class Word>
    STEEPEST_HD STEEPEST_INLINE void words_apart(const Word* data, int64_t i, int64_t stop) {
        STEEPEST_UNROLL
        for (int k = 0; k < kEach; ++k)
            if (kAll || i + k * kStride < stop) w[k] = data[i + k * kStride];
    }
    STEEPEST_HD static STEEPEST_INLINE float decode(uint32_t word, uint8_t dtype) {
        return is_half(dtype) ? decode_half(static_cast<uint16_t>(word), dtype) : as_float(word);
    }
    STEEPEST_HD STEEPEST_INLINE uint16_t half(int k) const {
        return static_cast<uint16_t>(w[k / 2] >> (16 * (k % 2)));
    }
    STEEPEST_HD static STEEPEST_INLINE float decode_half(uint16_t h, uint8_t dtype) {
        return dtype == static_cast<uint8_t>(DType::bf16) ? Bf16::decode(h) : F16::decode(h);
    }
};

// Where and how a stream is written.
struct Sink {
    void* data;
    int64_t first;  // position of data[0] in its tensor, which random bits go by
    Stream random;
    uint8_t dtype;
    bool may_be_f16;  // no state is; known when the code is compiled
    bool stochastic;

    STEEPEST_HD STEEPEST_INLINE bool is_bf16() const {
        return !may_be_f16 || dtype == static_cast<uint8_t>(DType::bf16);
    }
    STEEPEST_HD STEEPEST_INLINE uint16_t encode(float x) const {
        return is_bf16() ? Bf16::nearest(x) : F16::nearest(x);
    }
    STEEPEST_HD STEEPEST_INLINE uint16_t encode_randomly(float x, uint32_t bits) const {
        return is_bf16() ? Bf16::stochastic(x, bits) : F16::stochastic(x, bits);
    }
};

// Half i % 8, from the lowest, of the block of random bits that element i belongs to.
STEEPEST_HD STEEPEST_INLINE uint32_t random_half(const Philox& bits, int64_t i) {
    const int half = static_cast<int>(i % 8);
    // Selections instead of an index, which would put the words into memory.
    const uint32_t low = half & 2 ? bits.word[1] : bits.word[0];
    const uint32_t high = half & 2 ? bits.word[3] : bits.word[2];
    return (half & 4 ? high : low) >> (16 * (half & 1)) & 0xFFFFu;
}

STEEPEST_HD STEEPEST_INLINE void store_one(const Sink& to, double x, int32_t i) {
    static_cast<double*>(to.data)[i] = x;
}

STEEPEST_HD STEEPEST_INLINE void store_one(const Sink& to, float x, int32_t i) {
    if (!is_half(to.dtype)) {
        static_cast<float*>(to.data)[i] = x;
        return;
    }
    uint16_t h;
    if (to.stochastic) {
        const int64_t element = to.first + i;
        const Philox bits = philox(to.random, static_cast<uint64_t>(element) / 8);
        h = to.encode_randomly(x, random_half(bits, element));
    } else {
        h = to.encode(x);
    }
    static_cast<uint16_t*>(to.data)[i] = h;
}

STEEPEST_HD STEEPEST_INLINE void store_group(const Sink& to, const double* x, int32_t i) {
    Neighbours<double> group;
    STEEPEST_UNROLL
    for (int k = 0; k < kGroupOf<double>; ++k) group.v[k] = x[k];
    *reinterpret_cast<Neighbours<double>*>(static_cast<double*>(to.data) + i) = group;
}

// A group that is rounded stochastically begins at a multiple of kGroup, so it lies in one block of
// random bits.
STEEPEST_HD STEEPEST_INLINE void store_group(const Sink& to, const float* x, int32_t i) {
    if (!is_half(to.dtype)) {
        Neighbours<float> group;
        STEEPEST_UNROLL
        for (int k = 0; k < kGroup; ++k) group.v[k] = x[k];
        *reinterpret_cast<Neighbours<float>*>(static_cast<float*>(to.data) + i) = group;
        return;
    }
    Neighbours<uint16_t> group;
    if (to.stochastic) {
        const int64_t element = to.first + i;
        const Philox bits = philox(to.random, static_cast<uint64_t>(element) / 8);
        const bool upper = element % 8 != 0;
        const uint32_t word[2] = {upper ? bits.word[2] : bits.word[0],
                                  upper ? bits.word[3] : bits.word[1]};
        STEEPEST_UNROLL
        for (int k = 0; k < kGroup; ++k)
            group.v[k] = to.encode_randomly(x[k], word[k / 2] >> (16 * (k % 2)) & 0xFFFFu);
    } else {
        STEEPEST_UNROLL
        for (int k = 0; k < kGroup; ++k) group.v[k] = to.encode(x[k]);
    }
    *reinterpret_cast<Neighbours<uint16_t>*>(static_cast<uint16_t*>(to.data) + i) = group;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
