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

    // Elements a thread has in flight: one access of 16 bytes per stream where codecs, doubles,
    // many streams or optional ones take registers, of which more threads then have enough, else
    // two.
    static constexpr int kGroup = kGroupOf<T>;
    static constexpr bool kFew = sizeof(T) == 8 || kCoded || kStreams > 3 || kHasAxes<R> ||
                                 optional_streams<R>() != 0;
    static constexpr int kGroups = kFew ? 1 : 2;
    // The same where single elements are taken.
    static constexpr int kSingles = kStreams > 4 ? kGroup / 2 : kGroup;

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
        const auto end = static_cast<int32_t>(range.end - range.begin);
        int32_t at = thread.index, stop = end;
        if (!strided)
            at = apply.groups(item.index > 0 ? 0 : head < end ? head : end, end, at, stop);
        STEEPEST_ROLLED
        for (; at < stop; at += kSingles * kThreads) apply.apart(at, stop);
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

    // Of elements that lie alike in all streams the groups from `head` on. Of the end and the head
    // an element is left for this thread or none, fewer in all than there are threads: returns
    // where it is, before `stop`.
    STEEPEST_HD STEEPEST_INLINE int32_t groups(int32_t head, int32_t end, int32_t index,
                                               int32_t& stop) const {
        constexpr int kApart = kThreads * kGroup;
        int32_t at = head + index * kGroup;
        if constexpr (kGroups > 1) {
            STEEPEST_ROLLED
            for (; at + (kGroups - 1) * kApart + kGroup <= end; at += kGroups * kApart)
                several<kGroups>(at);
        }
        STEEPEST_ROLLED
        for (; at + kGroup <= end; at += kApart) several<1>(at);
        const int32_t rest = (end - head) % kGroup;
        at = index < rest ? end - rest + index : index - rest;
        stop = index < rest + head ? at + 1 : at;
        return at;
    }

    // kCount groups of this thread, the first at `at`, each of which one access takes per stream.
    template <int kCount>
    STEEPEST_HD STEEPEST_INLINE void several(int32_t at) const {
        constexpr int kApart = kThreads * kGroup;
        Raw<T> raw[kStreams][kCount] = {};
        each_stream([&](int s, const void* from) {
            STEEPEST_UNROLL
            for (int u = 0; u < kCount; ++u) raw[s][u].fetch_group(from, dtype(s), at + u * kApart);
        });
        STEEPEST_UNROLL
        for (int u = 0; u < kCount; ++u) {
            T v[kStreams][kGroup] = {};
            STEEPEST_UNROLL
            for (int s = 0; s < kStreams; ++s)
                if (is_element(s)) raw[s][u].decode_group(v[s], dtype(s), s < 2);
            step(v, at + u * kApart);
        }
    }

    // At most kSingles elements before `stop`, kThreads apart. All are fetched before the
    // first is worked on, and then one after the other is, which takes few registers.
    STEEPEST_HD STEEPEST_INLINE void apart(int32_t at, int32_t stop) const {
        Raw<T> raw[kStreams] = {};
        if (at + (kSingles - 1) * kThreads < stop)
            each_stream([&](int s, const void* from) {
                raw[s].template fetch_apart<kSingles, kThreads>(from, dtype(s), at, stop);
            });
        else
            each_stream([&](int s, const void* from) {
                raw[s].template fetch_apart<kSingles, kThreads, false>(from, dtype(s), at, stop);
            });
        STEEPEST_ROLLED
        for (int k = 0; k < kSingles && at < stop; ++k, at += kThreads) {
            T v[kStreams][1] = {};
            STEEPEST_UNROLL
            for (int s = 0; s < kStreams; ++s)
                if (is_element(s)) v[s][0] = raw[s].template decode_picked<kSingles>(k, dtype(s));
            step(v, at);
        }
    }

    // Calls visit(stream, its data) for those with a value per element that are there.
    template <class Visit>
    STEEPEST_HD STEEPEST_INLINE void each_stream(Visit&& visit) const {
        STEEPEST_UNROLL
        for (int s = 0; s < kStreams; ++s) {
            if (!is_element(s)) continue;
            const void* from = data(s);
            if (!is_absent(s, from)) visit(s, from);
        }
    }

    // The step of kEach neighbours: a group, or one.
    template <int kEach>
    STEEPEST_HD STEEPEST_INLINE void step(T (&v)[kStreams][kEach], int32_t at) const {
        if (setting_.staged) stage_gradients(v[1], v[0]);
        if constexpr (kHasAxes<R>)
            read_axes<R, T, kEach>(
                tensor_, pass_.axes[number_], first_ + at, [&](int s) { return dtype(s); },
                [&](int s, int k, T value) { put_at(v[s], k, value); });
        STEEPEST_UNROLL
        for (int k = 0; k < kEach; ++k) one(v, k, std::make_integer_sequence<int, kStreams - 2>{});
        store(v, at);
    }

    template <int kEach>
    STEEPEST_HD STEEPEST_INLINE void stage_gradients(T (&g)[kEach], const T (&p)[kEach]) const {
        const Stage<T> stage = setting_.stage();
        STEEPEST_UNROLL
        for (int k = 0; k < kEach; ++k) g[k] = staged_gradient(stage, g[k], p[k]);
    }

    template <int kEach, int... State>
    STEEPEST_HD STEEPEST_INLINE void one(T (&v)[kStreams][kEach], int k,
                                         std::integer_sequence<int, State...>) const {
        const T p = v[0][k];
        const bool cautious = R::spec.decay != Decay::own && setting_.cautious;
        T next = cautious ? kOnlyUpdate<T> : p * setting_.keep;
        R::apply(setting_.rule, next, v[1][k], v[2 + State][k]...);
        v[0][k] = cautious ? decayed_step(p, next, setting_.keep, T(1)) : next;
    }

    template <int kEach>
    STEEPEST_HD STEEPEST_INLINE void store(const T (&v)[kStreams][kEach], int32_t at) const {
        const auto put = [&](const Sink& to, const T* values) {
            if constexpr (kEach > 1)
                store_group(to, values, at);
            else
                store_one(to, values[0], at);
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
