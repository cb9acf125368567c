// Takes a block of products in: sums of z h in the lanes of the tree, and statistics.
#pragma once

#include <type_traits>

#include "core/reduce.h"
#include "curvature/device/draws.h"
#include "curvature/moments.h"
#include "steps/device/lanes.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// What an element keeps.
enum class Kept : int { nothing, moments, weighted };

STEEPEST_HD STEEPEST_INLINE bool has_groups(const ProbeTensor& t) { return t.mean && t.group > 1; }

// The lane of the tree that a thread holds as its k-th sum: rows of neighbours of at most 16 bytes.
template <class T>
STEEPEST_HD STEEPEST_INLINE int lane_of(int32_t thread, int k) {
    constexpr int kGroup = kGroupOf<T>;
    return k / kGroup * (kWarp * kGroup) + thread * kGroup + k % kGroup;
}

template <class T, Distribution kDistribution>
class AccumulateBlock {
    static constexpr bool kSigns = kDistribution == Distribution::rademacher;
    static constexpr int kGroup = kGroupOf<T>;
    static constexpr int kRow = kWarp * kGroup;
    // Rows at a time: for doubles those that make the 128 lanes.
    static constexpr int kRows = sizeof(T) == 8 || kSigns ? 2 : 1;
    // Whether all rows are loaded before the first is taken in, where there are registers for it.
    template <Kept kKept>
    static constexpr bool kAhead =
        kSigns && (kKept == Kept::nothing || sizeof(T) == 4) && kKept != Kept::weighted;

  public:
    STEEPEST_HD static STEEPEST_INLINE void run(const ProbeBlock& b, double (&sums)[kHeld]) {
        const ProbeTensor& t = b.tensor;
        if (t.weight)
            AccumulateBlock(b).template rows<Kept::weighted>(sums);
        else if (t.mean && t.group == 1)
            AccumulateBlock(b).template rows<Kept::moments>(sums);
        else
            AccumulateBlock(b).template rows<Kept::nothing>(sums);
    }

  private:
    STEEPEST_HD STEEPEST_INLINE explicit AccumulateBlock(const ProbeBlock& b)
        : block_(b), draws_(b.draws<T, kDistribution>()), share_(static_cast<T>(b.pass.share)) {}

    template <Kept kKept>
    STEEPEST_HD STEEPEST_INLINE void rows(double (&sums)[kHeld]) const {
        each_row<T, kRows>(block_, [&](auto wide, int32_t at) {
            several<kKept, decltype(wide)::value>(at, sums);
        });
    }

    struct Row {
        Raw<T> product, mean, scatter, weight;
    };

    template <Kept kKept, bool kWide>
    STEEPEST_HD STEEPEST_INLINE void several(int32_t at, double (&sums)[kHeld]) const {
        constexpr int kLoaded = kAhead<kKept> ? kRows : 1;
        STEEPEST_UNROLL
        for (int first = 0; first < kRows; first += kLoaded) {
            T z[kLoaded][kGroup] = {};
            Row row[kLoaded] = {};
            STEEPEST_UNROLL
            for (int u = 0; u < kLoaded; ++u) {
                // Before the loads, whose registers their arithmetic needs.
                if constexpr (!kSigns) draws_.group(at + (first + u) * kRow, z[u]);
                fetch<kKept, kWide>(row[u], at + (first + u) * kRow);
            }
            STEEPEST_UNROLL
            for (int u = 0; u < kLoaded; ++u) {
                const int32_t i = at + (first + u) * kRow;
                if (!kWide && i >= block_.size) continue;
                if constexpr (kSigns) draws_.group(i, z[u]);
                take<kKept, kWide>(row[u], i, z[u], sums + held_of(first + u));
            }
        }
    }

    // Where a row's sums begin among those that a thread holds.
    static constexpr int held_of(int row) { return sizeof(T) == 8 ? row * kGroup : 0; }

    static constexpr uint8_t kPlain =
        static_cast<uint8_t>(sizeof(T) == 8 ? DType::f64 : DType::f32);

    STEEPEST_HD STEEPEST_INLINE char* state(void* stream) const {
        return block_.part(stream, static_cast<int64_t>(sizeof(T)));
    }

    template <Kept kKept, bool kWide>
    STEEPEST_HD STEEPEST_INLINE void fetch(Row& row, int32_t at) const {
        const ProbeTensor& t = block_.tensor;
        load<kWide>(row.product, block_.values(), t.dtype, at);
        if constexpr (kKept != Kept::nothing) {
            load<kWide>(row.mean, state(t.mean), kPlain, at);
            load<kWide>(row.scatter, state(t.scatter), kPlain, at);
        }
        if constexpr (kKept == Kept::weighted) load<kWide>(row.weight, state(t.weight), kPlain, at);
    }

    template <bool kWide>
    STEEPEST_HD STEEPEST_INLINE void load(Raw<T>& raw, const void* data, uint8_t dtype,
                                          int32_t at) const {
        if constexpr (kWide) {
            raw.fetch_group(data, dtype, at);
        } else {
            STEEPEST_UNROLL
            for (int k = 0; k < kGroup; ++k)
                if (at + k < block_.size) raw.fetch_one(k, data, dtype, at + k);
        }
    }

    template <bool kWide>
    STEEPEST_HD STEEPEST_INLINE void decode(const Raw<T>& raw, uint8_t dtype, T* to) const {
        if constexpr (kWide) {
            raw.decode_group(to, dtype, true);
        } else {
            STEEPEST_UNROLL
            for (int k = 0; k < kGroup; ++k) to[k] = raw.decode_one(k, dtype);
        }
    }

    template <bool kWide>
    STEEPEST_HD STEEPEST_INLINE void store(void* stream, const T (&x)[kGroup], int32_t at) const {
        const Sink to{state(stream), 0, {}, kPlain, false, false};
        if constexpr (kWide) {
            store_group(to, x, at);
        } else {
            STEEPEST_UNROLL
            for (int k = 0; k < kGroup; ++k)
                if (at + k < block_.size) store_one(to, x[k], at + k);
        }
    }

    template <Kept kKept, bool kWide>
    STEEPEST_HD STEEPEST_INLINE void take(const Row& row, int32_t at, T (&z)[kGroup],
                                          double* sums) const {
        const ProbeTensor& t = block_.tensor;
        T h[kGroup], mean[kGroup], scatter[kGroup], weight[kGroup];
        decode<kWide>(row.product, t.dtype, h);
        decode<kWide>(row.mean, kPlain, mean);
        decode<kWide>(row.scatter, kPlain, scatter);
        decode<kWide>(row.weight, kPlain, weight);
        STEEPEST_UNROLL
        for (int k = 0; k < kGroup; ++k) {
            if (!kWide && at + k >= block_.size) continue;
            if constexpr (!kSigns) z[k] = as_stored(z[k], t.dtype);
            const T x = z[k] * h[k];
            // To multiply by a sign is exact in T already.
            sums[k] += kSigns ? static_cast<double>(x)
                              : static_cast<double>(z[k]) * static_cast<double>(h[k]);
            if constexpr (kKept == Kept::moments)
                probes::take_value(x, share_, mean[k], scatter[k]);
            if constexpr (kKept == Kept::weighted)
                probes::take_weighted(z[k], h[k], mean[k], scatter[k], weight[k]);
        }
        if constexpr (kKept != Kept::nothing) {
            store<kWide>(t.mean, mean, at);
            store<kWide>(t.scatter, scatter, at);
        }
        if constexpr (kKept == Kept::weighted) store<kWide>(t.weight, weight, at);
    }

    const ProbeBlock& block_;
    const Draws<T, kDistribution> draws_;
    const T share_;
};

// Once the sum of a tensor is known, and once those of all are.
STEEPEST_HD STEEPEST_INLINE void finish_tensor(const ProbePass& pass, const ProbeTensor& t,
                                               double sum) {
    pass.sum[t.order] = sum;
    if (pass.sums) pass.sums[t.order] = sum;
}

STEEPEST_HD STEEPEST_INLINE void finish_all(const ProbePass& pass, double total) {
    *pass.total = total;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
