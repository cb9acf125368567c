// From the sums of a tile to elements of C: alpha P + beta D + gamma I, by way of shared memory, so
// that all warps read D and write C along rows, and the mirrored elements along rows too.
#pragma once

#include "core/codecs/bf16.h"
#include "core/codecs/f16.h"
#include "polar/device/tile_place.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class T>
STEEPEST_HD STEEPEST_INLINE T element_of(const Operand& o, int64_t at) {
    switch (o.type) {
        case polar::Type::f64:
            return static_cast<T>(static_cast<const double*>(o.data)[at]);
        case polar::Type::f32:
            return static_cast<T>(static_cast<const float*>(o.data)[at]);
        case polar::Type::bf16:
            return static_cast<T>(Bf16::decode(static_cast<const uint16_t*>(o.data)[at]));
        default:
            return static_cast<T>(F16::decode(static_cast<const uint16_t*>(o.data)[at]));
    }
}

template <class T>
STEEPEST_HD STEEPEST_INLINE void set_element(const Operand& o, int64_t at, T value) {
    switch (o.type) {
        case polar::Type::f64:
            static_cast<double*>(o.data)[at] = static_cast<double>(value);
            break;
        case polar::Type::f32:
            static_cast<float*>(o.data)[at] = static_cast<float>(value);
            break;
        case polar::Type::bf16:
            static_cast<uint16_t*>(o.data)[at] = Bf16::nearest(static_cast<float>(value));
            break;
        default:
            static_cast<uint16_t*>(o.data)[at] = F16::nearest(static_cast<float>(value));
    }
}

// Rows of a tile in shared memory, T being the type of the sums, and the thread's part in them.
template <class T, int kTile, int kSlabRows>
class Slab {
    static constexpr int kLanes = 32;
    static constexpr int kWarpCount = kTileThreads / kLanes;

  public:
    static constexpr int kStride = kTile + 1;  // so that columns meet all banks, too

    STEEPEST_HD STEEPEST_INLINE Slab(const ProductPass& pass, const TilePlace& place, int slab,
                                     T* memory, int thread)
        : pass_(pass),
          place_(place),
          memory_(memory),
          first_(place.row + slab * kSlabRows),
          warp_(thread / kLanes),
          lane_(thread % kLanes) {}

    // Updates the elements in place and stores them. Of a tile on the diagonal those above it are
    // left out. Adds to the sums of the thread.
    STEEPEST_HD STEEPEST_INLINE void store(polar::ByProducts& sums) const {
        const T alpha = static_cast<T>(pass_.alpha), beta = static_cast<T>(pass_.beta),
                gamma = static_cast<T>(pass_.gamma);
        const int64_t c = place_.matrix * pass_.c.stride, d = place_.matrix * pass_.d.stride;
        each(warp_, kSlabRows, kWarpCount, lane_, kTile, kLanes, [&](int r, int across) {
            const int64_t i = first_ + r, j = place_.col + across;
            if (!has(i, j)) return;
            T value = alpha * memory_[r * kStride + across];
            if (pass_.d.data) value += beta * element_of<T>(pass_.d, d + i * pass_.d.ld + j);
            if (i == j) value += gamma;
            memory_[r * kStride + across] = value;
            set_element(pass_.c, c + i * pass_.c.ld + j, value);
            if (pass_.tile_sums) add(sums, i == j, static_cast<double>(value));
        });
    }

    // Stores the elements below the diagonal once more above it.
    STEEPEST_HD STEEPEST_INLINE void mirror() const {
        const int64_t c = place_.matrix * pass_.c.stride;
        each(warp_, kTile, kWarpCount, lane_, kSlabRows, kLanes, [&](int across, int r) {
            const int64_t i = first_ + r, j = place_.col + across;
            if (i != j && has(i, j))
                set_element(pass_.c, c + j * pass_.c.ld + i, memory_[r * kStride + across]);
        });
    }

  private:
    template <class F>
    STEEPEST_HD static STEEPEST_INLINE void each(int first, int lines, int step, int lane,
                                                 int length, int lanes, F&& visit) {
        STEEPEST_ROLLED
        for (int line = first; line < lines; line += step) {
            STEEPEST_UNROLL
            for (int at = 0; at < length; at += lanes) visit(line, at + lane);
        }
    }
    STEEPEST_HD STEEPEST_INLINE bool has(int64_t i, int64_t j) const {
        return i < pass_.rows && j < pass_.cols && !(place_.on_diagonal && j > i);
    }
    // Mirrored elements count twice.
    STEEPEST_HD STEEPEST_INLINE void add(polar::ByProducts& sums, bool on_diagonal,
                                         double value) const {
        sums.trace += on_diagonal ? value : 0;
        sums.squares += (on_diagonal || !pass_.is_lower ? 1 : 2) * (value * value);
    }

    const ProductPass& pass_;
    const TilePlace& place_;
    T* memory_;
    int64_t first_;
    int warp_, lane_;
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
