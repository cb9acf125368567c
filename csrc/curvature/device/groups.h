// Means over groups of elements that share statistics: one thread each, in the order of the CPU.
#pragma once

#include "curvature/device/accumulate.h"
#include "steps/device/locate.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// The values of elements one after the other.
template <class T, Distribution kDistribution>
class Sequence {
    static constexpr bool kSigns = kDistribution == Distribution::rademacher;
    static constexpr uint64_t kEach = kSigns ? kPhiloxSigns : 2;  // values of a Philox block

  public:
    STEEPEST_HD STEEPEST_INLINE Sequence(const Stream& random, uint64_t first)
        : random_(random), element_(first) {
        draw();
    }

    STEEPEST_HD STEEPEST_INLINE T next() {
        const T z = value();
        if (++element_ % kEach == 0) draw();
        return z;
    }

  private:
    STEEPEST_HD STEEPEST_INLINE void draw() {
        if constexpr (kSigns)
            bits_ = philox(random_, element_ / kEach);
        else
            pair_ = draw_pair(random_, element_ / kEach);
    }
    STEEPEST_HD STEEPEST_INLINE T value() const {
        if constexpr (kSigns) {
            const auto bit = static_cast<uint32_t>(element_ % kEach);
            // Selections instead of an index, which would put the words into memory.
            const uint32_t low = bit & 32 ? bits_.word[1] : bits_.word[0];
            const uint32_t high = bit & 32 ? bits_.word[3] : bits_.word[2];
            return (bit & 64 ? high : low) >> (bit % 32) & 1 ? T(-1) : T(1);
        } else {
            return static_cast<T>(element_ % 2 ? pair_.second : pair_.first);
        }
    }

    const Stream random_;
    uint64_t element_;
    Philox bits_;
    probes::Pair pair_;
};

template <class T, Distribution kDistribution>
STEEPEST_HD STEEPEST_INLINE void take_group(const ProbePass& pass, const Thread& thread) {
    const Item item = locate(pass.first, pass.count, thread.block);
    const ProbeTensor& t = pass.tensors[item.tensor];
    const int64_t number = int64_t{item.index} * kThreads + thread.index;
    if (number >= t.count / t.group) return;
    const int64_t first = number * t.group;
    Sequence<T, kDistribution> values(stream_of(pass, t), static_cast<uint64_t>(t.offset + first));
    double sum = 0;
    STEEPEST_ROLLED
    for (int64_t i = first; i < first + t.group; ++i) {
        Raw<T> raw = {};
        raw.fetch_one(0, in_global_memory(t.values), t.dtype, i);
        const T z = as_stored(values.next(), t.dtype);
        sum += static_cast<double>(z) * static_cast<double>(raw.decode_one(0, t.dtype));
    }
    auto* means = static_cast<T*>(in_global_memory(t.mean));
    auto* scatters = static_cast<T*>(in_global_memory(t.scatter));
    const double mean = sum / static_cast<double>(t.group);
    probes::take_value(static_cast<T>(mean), static_cast<T>(pass.share), means[number],
                       scatters[number]);
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
