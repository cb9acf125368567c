// The loop of the streaming probes. Included once per instruction set by ceiling.cpp, which sets
//   STEEPEST_PROBE_NAME    namespace of this copy
//   STEEPEST_PROBE_TARGET  the target attribute of its functions, or nothing
//   STEEPEST_PROBE_BYTES   bytes of a vector
// The attribute has to stand on the functions that use the vectors: a compiler cuts wide vectors to
// the width of the function they are written in before it inlines.

namespace steepest::ceiling {
namespace {
namespace STEEPEST_PROBE_NAME {

using Vector = uint64_t __attribute__((vector_size(STEEPEST_PROBE_BYTES), aligned(1), may_alias));
constexpr int64_t kBytes = STEEPEST_PROBE_BYTES;

// `bytes` of one stream. `sum` gathers what was read, so that no load can be left out, and is what
// write-only streams receive.
template <Access access, bool prefetching>
STEEPEST_PROBE_TARGET inline void touch(char* at, int64_t bytes, const Walk& walk, Vector& sum) {
    const int64_t ahead = walk.variant->prefetch;
    const uint64_t mask = walk.mask;
    int64_t i = 0;
    for (; i + kBytes <= bytes; i += kBytes) {
        Vector* x = reinterpret_cast<Vector*>(at + i);
        if constexpr (prefetching) __builtin_prefetch(at + i + ahead, access != Access::read);
        if constexpr (access == Access::read) sum ^= *x;
        if constexpr (access == Access::update) *x ^= mask;
        if constexpr (access == Access::write) *x = sum;
    }
    for (; i < bytes; ++i) {
        if constexpr (access == Access::read) sum[0] ^= static_cast<unsigned char>(at[i]);
        if constexpr (access == Access::update)
            at[i] = static_cast<char>(at[i] ^ static_cast<char>(mask));
        if constexpr (access == Access::write) at[i] = static_cast<char>(walk.written);
    }
}

template <bool prefetching>
STEEPEST_PROBE_TARGET inline void touch_any(const Stream& s, char* at, int64_t bytes,
                                            const Walk& walk, Vector& sum) {
    if (s.access == Access::read) return touch<Access::read, prefetching>(at, bytes, walk, sum);
    if (s.access == Access::update) return touch<Access::update, prefetching>(at, bytes, walk, sum);
    if (walk.variant->bypass && bypass_caches(at, bytes, walk.written)) return;
    touch<Access::write, prefetching>(at, bytes, walk, sum);
}

// Elements [begin, end) of every stream. Returns a digest of what was read.
template <bool prefetching>
STEEPEST_PROBE_TARGET uint64_t walk_range(const Walk& walk, int64_t begin, int64_t end) {
    Vector sum = Vector{} + walk.written;
    for (int64_t first = begin; first < end; first += walk.variant->granule) {
        const int64_t left = end - first;
        const int64_t n = left < walk.variant->granule ? left : walk.variant->granule;
        for (int64_t k = 0; k < walk.count; ++k) {
            const Stream& s = walk.streams[k];
            touch_any<prefetching>(s, s.data + first * s.width, n * s.width, walk, sum);
        }
    }
    uint64_t digest = 0;
    for (int64_t l = 0; l < kBytes / 8; ++l) digest ^= sum[l];
    return digest;
}

// One loop over all streams, as a compiler makes it of `for i: ...`: R that are read, U that are
// updated, all of one width. Offsets are in bytes.
template <int R, int U>
STEEPEST_PROBE_TARGET uint64_t fused(const Walk& walk, int64_t begin, int64_t end) {
    char* at[R + U];
    for (int k = 0; k < R + U; ++k) at[k] = walk.streams[k].data;
    const uint64_t mask = walk.mask;
    Vector sum = {};
    int64_t i = begin;
    for (; i + kBytes <= end; i += kBytes) {
        for (int k = 0; k < R; ++k) sum ^= *reinterpret_cast<const Vector*>(at[k] + i);
        for (int k = R; k < R + U; ++k) *reinterpret_cast<Vector*>(at[k] + i) ^= mask;
    }
    for (; i < end; ++i) {
        for (int k = 0; k < R; ++k) sum[0] ^= static_cast<unsigned char>(at[k][i]);
        for (int k = R; k < R + U; ++k)
            at[k][i] = static_cast<char>(at[k][i] ^ static_cast<char>(mask));
    }
    uint64_t digest = 0;
    for (int64_t l = 0; l < kBytes / 8; ++l) digest ^= sum[l];
    return digest;
}

template <int R>
WalkFn fused_for(int64_t updates) {
    switch (updates) {
        case 0:
            if constexpr (R > 0) return fused<R, 0>;
            return nullptr;
        case 1:
            return fused<R, 1>;
        case 2:
            return fused<R, 2>;
        case 3:
            return fused<R, 3>;
        case 4:
            return fused<R, 4>;
        default:
            return nullptr;
    }
}

// Null where no such loop was compiled.
WalkFn fused_loop(int64_t reads, int64_t updates) {
    switch (reads) {
        case 0:
            return fused_for<0>(updates);
        case 1:
            return fused_for<1>(updates);
        case 2:
            return fused_for<2>(updates);
        case 3:
            return fused_for<3>(updates);
        case 4:
            return fused_for<4>(updates);
        default:
            return nullptr;
    }
}

uint64_t walk(const Walk& w, int64_t begin, int64_t end) {
    if (w.variant->fused) {
        const Shape shape = shape_of(w);
        const WalkFn loop = shape.uniform ? fused_loop(shape.reads, shape.updates) : nullptr;
        const int64_t width = w.streams[0].width;
        if (loop) return loop(w, begin * width, end * width);
    }
    return w.variant->prefetch ? walk_range<true>(w, begin, end) : walk_range<false>(w, begin, end);
}

}  // namespace STEEPEST_PROBE_NAME
}  // namespace
}  // namespace steepest::ceiling

#undef STEEPEST_PROBE_NAME
#undef STEEPEST_PROBE_TARGET
#undef STEEPEST_PROBE_BYTES
