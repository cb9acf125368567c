// The step of a tensor's chunk, by the threads of one CUDA block.
#pragma once

#include <utility>

#include "steps/device/setting.h"
#include "steps/device/storage.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class R, class T, Storage kStorage>
class Apply {
    static constexpr bool kCoded = kStorage != Storage::plain;
    static constexpr bool kRandom = kStorage == Storage::random;
    static constexpr int kStreams = kStreamsOf<R>;

    // Elements a thread has in flight: one access of 16 bytes per stream where codecs, doubles or
    // many streams take registers, of which more threads then have enough, else two.
    static constexpr int kGroup = kGroupOf<T>;
    static constexpr bool kFew = sizeof(T) == 8 || kCoded || kStreams > 3 || kHasAxes<R>;
    static constexpr int kCount = kGroup * (kFew ? 1 : 2);
    static constexpr int kStep = kThreads * kCount;

  public:
    STEEPEST_HD static STEEPEST_INLINE void run(const Pass& pass, Thread thread) {
        if (is_skipped(pass)) return;
        const Item item = locate(pass.first, pass.count, thread.block);
        const Tensor& tensor = pass.tensors[item.tensor];
        const bool strided = tensor.head == kStrided;
        const int32_t head = strided ? 0 : tensor.head;
        const Range range = chunk_range(tensor.count, pass.chunk, head, item.index);
        const Apply apply(pass, tensor, item.tensor, range.begin);
        if (kInPlace<R> && !apply.setting_.staged &&
            tensor.stream[0] == gradient(pass, item.tensor))
            return;
        auto end = static_cast<int32_t>(range.end - range.begin);
        int32_t skipped = item.index == 0 ? (head < end ? head : end) : 0;
        int32_t at = skipped;
        if (!strided) STEEPEST_ROLLED
        for (; at + kStep <= end; at += kStep) apply.template several<true>(at, end, thread.index);
        // What is left: the end, and then the head that was skipped.
        while (true) {
            STEEPEST_ROLLED
            for (; at < end; at += kStep) apply.template several<false>(at, end, thread.index);
            if (skipped == 0) break;
            at = 0;
            end = skipped;
            skipped = 0;
        }
    }

  private:
    // Works on elements from `first` on; all positions below count from there.
    STEEPEST_HD STEEPEST_INLINE Apply(const Pass& pass, const Tensor& t, int32_t tensor,
                                      int64_t first)
        : pass_(pass), tensor_(t), number_(tensor), first_(first), setting_(pass, t) {}

    // Addresses and types are read where they are needed: kept in registers they would crowd out
    // loads.
    STEEPEST_HD STEEPEST_INLINE void* data(int s) const {
        void* at = s == 1 ? const_cast<void*>(gradient(pass_, number_)) : tensor_.stream[s];
        return is_absent(s, at) ? nullptr : from_first(at, dtype(s));
    }

    STEEPEST_HD static STEEPEST_INLINE bool is_element(int s) {
        constexpr unsigned kElements = element_streams<R>() & ~summed_streams<R>();
        return kElements >> s & 1;
    }

    // Only a state that is optional may be missing.
    STEEPEST_HD static STEEPEST_INLINE bool is_absent(int s, const void* data) {
        constexpr unsigned kOptional = optional_streams<R>();
        return (kOptional >> s & 1) && !data;
    }

    STEEPEST_HD STEEPEST_INLINE void* from_first(void* data, uint8_t dtype) const {
        const int64_t size = sizeof(T) == 8 ? 8 : is_half(dtype) ? 2 : 4;
        return in_global_memory(static_cast<char*>(data) + first_ * size);
    }

    STEEPEST_HD STEEPEST_INLINE uint8_t dtype(int s) const {
        if constexpr (kCoded) return tensor_.dtype[s];
        return static_cast<uint8_t>(sizeof(T) == 8 ? DType::f64 : DType::f32);
    }

    // `bit` says which stream, or with kMaxStreams the copy, is meant.
    STEEPEST_HD STEEPEST_INLINE Sink sink(void* data, int bit) const {
        Sink to{data, first_, {}, dtype(bit), bit < 2 || bit == kMaxStreams, false};
        if constexpr (kRandom) {
            to.stochastic = tensor_.random >> bit & 1;
            to.random = {pass_.seed, kRoundingPurpose + static_cast<uint32_t>(bit), setting_.draw(),
                         tensor_.id};
        }
        return to;
    }

    // kCount elements of every thread, side by side in groups or, where alignment or the end does
    // not allow that, kThreads apart.
    template <bool Groups>
    STEEPEST_HD STEEPEST_INLINE void several(int32_t at, int32_t end, int32_t index) const {
        constexpr int kGroups = kCount / kGroup;
        Raw<T> raw[kStreams][kGroups] = {};
        const auto element = [&](int k) {
            return Groups ? at + (k / kGroup) * (kThreads * kGroup) + index * kGroup + k % kGroup
                          : at + k * kThreads + index;
        };
        STEEPEST_UNROLL
        for (int s = 0; s < kStreams; ++s) {
            if (!is_element(s)) continue;
            const void* from = data(s);
            if (is_absent(s, from)) continue;
            if constexpr (Groups) {
                STEEPEST_UNROLL
                for (int u = 0; u < kGroups; ++u)
                    raw[s][u].fetch_group(from, dtype(s), element(u * kGroup));
            } else {
                STEEPEST_UNROLL
                for (int k = 0; k < kCount; ++k)
                    if (element(k) < end)
                        raw[s][k / kGroup].fetch_one(k % kGroup, from, dtype(s), element(k));
            }
        }
        STEEPEST_UNROLL
        for (int u = 0; u < kGroups; ++u) {
            T v[kStreams][kGroup] = {};
            STEEPEST_UNROLL
            for (int s = 0; s < kStreams; ++s) {
                if (!is_element(s)) continue;
                if constexpr (Groups)
                    raw[s][u].decode_group(v[s], dtype(s), s < 2);
                else
                    STEEPEST_UNROLL
                for (int k = 0; k < kGroup; ++k)
                    if (element(u * kGroup + k) < end) v[s][k] = raw[s][u].decode_one(k, dtype(s));
            }
            if (setting_.staged) stage_gradients(v[1], v[0]);
            STEEPEST_UNROLL
            for (int k = 0; k < kGroup; ++k)
                if (Groups || element(u * kGroup + k) < end)
                    one(v, k, element(u * kGroup + k),
                        std::make_integer_sequence<int, kStreams - 2>{});
            store<Groups>(v, u, end, element);
        }
    }

    STEEPEST_HD STEEPEST_INLINE void stage_gradients(T (&g)[kGroup], const T (&p)[kGroup]) const {
        const Stage<T> stage = setting_.stage();
        STEEPEST_UNROLL
        for (int k = 0; k < kGroup; ++k) g[k] = staged_gradient(stage, g[k], p[k]);
    }

    template <int... State>
    STEEPEST_HD STEEPEST_INLINE void one(T (&v)[kStreams][kGroup], int k, int32_t i,
                                         std::integer_sequence<int, State...>) const {
        if constexpr (kHasAxes<R>)
            read_axes<R, T>(
                tensor_, pass_.axes[number_], first_ + i, [&](int s) { return dtype(s); },
                [&](int s, T value) { v[s][k] = value; });
        const T p = v[0][k];
        const bool cautious = R::spec.decay != Decay::own && setting_.cautious;
        T next = cautious ? kOnlyUpdate<T> : p * setting_.keep;
        R::apply(setting_.rule, next, v[1][k], v[2 + State][k]...);
        v[0][k] = cautious ? decayed_step(p, next, setting_.keep, T(1)) : next;
    }

    template <bool Groups, class Element>
    STEEPEST_HD STEEPEST_INLINE void store(const T (&v)[kStreams][kGroup], int u, int32_t end,
                                           const Element& element) const {
        const auto put = [&](const Sink& to, const T* values) {
            if constexpr (Groups) {
                store_group(to, values, element(u * kGroup));
            } else {
                STEEPEST_UNROLL
                for (int k = 0; k < kGroup; ++k)
                    if (element(u * kGroup + k) < end)
                        store_one(to, values[k], element(u * kGroup + k));
            }
        };
        STEEPEST_UNROLL
        for (int s = 0; s < kStreams; ++s)
            if (s != 1 && is_element(s))
                if (void* to = data(s); !is_absent(s, to)) put(sink(to, s), v[s]);
        if constexpr (kCoded)
            if (tensor_.copy)
                put(sink(from_first(tensor_.copy, dtype(kMaxStreams)), kMaxStreams), v[0]);
    }

    const Pass& pass_;
    const Tensor& tensor_;
    const int32_t number_;
    const int64_t first_;
    Setting<R, T> setting_;
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
