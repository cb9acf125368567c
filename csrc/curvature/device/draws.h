// The values of a probe in registers. A warp works on a block of the tree, each thread on groups of
// neighbours that it reads and writes by one access of 16 bytes.
#pragma once

#include "curvature/device/descriptors.h"
#include "curvature/gaussian.h"
#include "steps/device/storage.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// Random words of the signs of a block that a warp shares: one Philox block per thread, one more
// where the first element is not the first of a Philox block, and one behind it to look into.
inline constexpr int kSignWords = 4 * (kWarp + 2);
static_assert(kBlock == kWarp * kPhiloxSigns);

STEEPEST_HD STEEPEST_INLINE void put_words(uint32_t* to, const Philox& bits) {
    Neighbours<uint32_t> group;
    STEEPEST_UNROLL
    for (int k = 0; k < 4; ++k) group.v[k] = bits.word[k];
    *reinterpret_cast<Neighbours<uint32_t>*>(to) = group;
}

// The part of a thread in the words of the elements from `first` on.
STEEPEST_HD STEEPEST_INLINE void draw_signs(const Stream& random, int64_t first, int32_t lane,
                                            uint32_t* words) {
    const auto block = static_cast<uint64_t>(first) / kPhiloxSigns;
    put_words(words + 4 * lane, philox(random, block + static_cast<uint32_t>(lane)));
    if (lane != 0) return;
    const bool more = first % kPhiloxSigns != 0;
    put_words(words + 4 * kWarp, more ? philox(random, block + kWarp) : Philox{});
    put_words(words + 4 * (kWarp + 1), Philox{});
}

// Values in T of the elements from `first` on, a group of neighbours at a time.
template <class T, Distribution kDistribution>
class Draws;

template <class T>
class Draws<T, Distribution::rademacher> {
    static constexpr int kGroup = kGroupOf<T>;

  public:
    STEEPEST_HD STEEPEST_INLINE Draws(const Stream&, int64_t first, const uint32_t* words)
        : words_(words), shift_(static_cast<int32_t>(first % kPhiloxSigns)) {}

    STEEPEST_HD STEEPEST_INLINE void group(int32_t at, T (&z)[kGroup]) const {
        const int32_t bit = shift_ + at;
        const uint32_t* word = words_ + bit / 32;
        const uint64_t both = uint64_t{word[1]} << 32 | word[0];
        const auto bits = static_cast<uint32_t>(both >> (bit % 32));
        STEEPEST_UNROLL
        for (int k = 0; k < kGroup; ++k) z[k] = bits >> k & 1 ? T(-1) : T(1);
    }

  private:
    const uint32_t* words_;
    int32_t shift_;
};

STEEPEST_HD STEEPEST_INLINE probes::Pair draw_pair(const Stream& random, uint64_t block) {
    const Philox bits = philox(random, block);
    return probes::gaussian_pair(uint64_t{bits.word[1]} << 32 | bits.word[0],
                                 uint64_t{bits.word[3]} << 32 | bits.word[2]);
}

template <class T>
class Draws<T, Distribution::gaussian> {
    static constexpr int kGroup = kGroupOf<T>;

  public:
    STEEPEST_HD STEEPEST_INLINE Draws(const Stream& random, int64_t first, const uint32_t*)
        : random_(random), first_(first) {}

    // A group that begins with the second value of a pair needs one pair more. One copy of the long
    // arithmetic, and selections instead of an index, which would put the values into memory.
    STEEPEST_HD STEEPEST_INLINE void group(int32_t at, T (&z)[kGroup]) const {
        const auto element = static_cast<uint64_t>(first_ + at);
        const int odd = static_cast<int>(element % 2);
        STEEPEST_ROLLED
        for (int j = 0; j < kGroup / 2 + odd; ++j) {
            const probes::Pair pair = draw_pair(random_, element / 2 + static_cast<uint64_t>(j));
            const int to = 2 * j - odd;
            STEEPEST_UNROLL
            for (int k = 0; k < kGroup; ++k)
                z[k] = k == to       ? static_cast<T>(pair.first)
                       : k == to + 1 ? static_cast<T>(pair.second)
                                     : z[k];
        }
    }

  private:
    const Stream random_;
    const int64_t first_;
};

// A value as it is read back from its storage.
STEEPEST_HD STEEPEST_INLINE double as_stored(double z, uint8_t) { return z; }
STEEPEST_HD STEEPEST_INLINE float as_stored(float z, uint8_t dtype) {
    if (!is_half(dtype)) return z;
    return dtype == static_cast<uint8_t>(DType::bf16) ? Bf16::decode(Bf16::nearest(z))
                                                      : F16::decode(F16::nearest(z));
}

// The random stream of a tensor.
STEEPEST_HD STEEPEST_INLINE Stream stream_of(const ProbePass& pass, const ProbeTensor& t) {
    return {pass.random.seed, pass.random.purpose, pass.random.draw, t.id};
}

// A block of the tree of a tensor, with the words of its signs.
struct ProbeBlock {
    const ProbePass& pass;
    const ProbeTensor& tensor;
    const uint32_t* words;
    int64_t first;
    int32_t size;
    int32_t lane;

    STEEPEST_HD STEEPEST_INLINE ProbeBlock(const ProbePass& p, const ProbeTensor& t, int32_t index,
                                           int32_t thread, const uint32_t* signs)
        : pass(p),
          tensor(t),
          words(signs),
          first(int64_t{index} * kBlock),
          size(static_cast<int32_t>(t.count - first < kBlock ? t.count - first : kBlock)),
          lane(thread) {}

    template <class T, Distribution kDistribution>
    STEEPEST_HD STEEPEST_INLINE Draws<T, kDistribution> draws() const {
        return {stream_of(pass, tensor), tensor.offset + first, words};
    }
    // The block's part of a stream with elements of this size.
    STEEPEST_HD STEEPEST_INLINE char* part(void* stream, int64_t item_size) const {
        return static_cast<char*>(in_global_memory(static_cast<char*>(stream) + first * item_size));
    }
    STEEPEST_HD STEEPEST_INLINE char* values() const {
        return part(tensor.values, size_of(static_cast<DType>(tensor.dtype)));
    }
};

// Calls several(wide, at) for the elements from `at` on of this thread: whole rows of groups first,
// kRows at a time, and then what is left or does not lie aligned, element by element.
template <class T, int kRows, class Several>
STEEPEST_HD STEEPEST_INLINE void each_row(const ProbeBlock& b, Several&& several) {
    constexpr int32_t kStep = kRows * kWarp * kGroupOf<T>;
    const int32_t own = b.lane * kGroupOf<T>;
    int32_t row = 0;
    if (b.tensor.is_wide) STEEPEST_ROLLED
    for (; row + kStep <= b.size; row += kStep) several(std::true_type{}, row + own);
    STEEPEST_ROLLED
    for (; row < b.size; row += kStep) several(std::false_type{}, row + own);
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
