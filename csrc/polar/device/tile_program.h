// What a CUDA block does for a tile of C, and for the by-products of a matrix: phases that all
// threads go through together. A block gives
//   each(f)                   f(thread, held) for every thread, with what it holds
//   sync()                    waits for all threads
//   multiply_add<Half>(i, j)  a fragment's product, by all warps
//   shared                    memory for the stages of the operands
//   sums                      kTileThreads by-products in shared memory
// so that the emulation runs the same program, one thread after the other.
#pragma once

#include "polar/device/slab.h"
#include "polar/device/staging.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// What a thread holds.
template <class K>
struct Held {
    typename K::State state;
    polar::ByProducts sums;
};

template <class K>
inline constexpr int kStageBytes = 2 * kTileBytes<typename K::Element, K::kTile>;
template <class K>
inline constexpr int kSlabBytes =
    K::kSlabRows * (K::kTile + 1) * static_cast<int>(sizeof(typename K::Sum));
template <class K>
inline constexpr int kSharedBytes =
    kSlabBytes<K> > K::kStages* kStageBytes<K> ? kSlabBytes<K> : K::kStages * kStageBytes<K>;

// Adds the by-products of all threads in halves, as the lanes of the reduction tree.
template <class Block>
STEEPEST_HD STEEPEST_INLINE void fold_threads(Block& block, polar::ByProducts* to) {
    block.each([&](int thread, auto& held) { block.sums[thread] = held.sums; });
    for (int half = kTileThreads / 2; half > 0; half /= 2) {
        block.sync();
        block.each([&](int thread, auto&) {
            if (thread >= half) return;
            block.sums[thread].trace += block.sums[thread + half].trace;
            block.sums[thread].squares += block.sums[thread + half].squares;
        });
    }
    block.each([&](int thread, auto&) {
        if (thread == 0) *to = block.sums[0];
    });
}

template <class K, class Block>
class TileProgram {
    using E = typename K::Element;
    using Rows = Slab<typename K::Sum, K::kTile, K::kSlabRows>;

  public:
    STEEPEST_HD STEEPEST_INLINE TileProgram(const ProductPass& pass, int64_t item, Block& block)
        : pass_(pass), item_(item), place_(pass, item, K::kTile), block_(block) {}

    STEEPEST_HD STEEPEST_INLINE void run() {
        block_.each([&](int, auto& held) {
            held.state.clear();
            held.sums = {0, 0};
        });
        multiply();
        STEEPEST_UNROLL
        for (int slab = 0; slab < K::kTile / K::kSlabRows; ++slab) finish(slab);
        if (pass_.tile_sums) fold_threads(block_, pass_.tile_sums + item_);
    }

  private:
    STEEPEST_HD STEEPEST_INLINE char* stage(int64_t part) const {
        return block_.shared +
               static_cast<int>(static_cast<uint64_t>(part) % K::kStages) * kStageBytes<K>;
    }

    // The copies of kStages - 1 parts are under way while one is multiplied.
    STEEPEST_HD STEEPEST_INLINE void multiply() {
        const int64_t parts = (pass_.inner + kDepth<E> - 1) / kDepth<E>;
        for (int64_t part = 0; part < K::kStages - 1; ++part) load(part, parts);
        for (int64_t part = 0; part < parts; ++part) {
            wait_for_copies<K::kStages - 2>();
            block_.sync();
            load(part + K::kStages - 1, parts);
            const char* left = stage(part);
            K::multiply(block_, left, left + kStageBytes<K> / 2, part);
        }
        block_.each([&](int, auto& held) { held.state.end_run(); });
    }

    STEEPEST_HD STEEPEST_INLINE void load(int64_t part, int64_t parts) {
        if (part < parts) {
            char* left = stage(part);
            const int64_t k = part * kDepth<E>;
            block_.each([&](int thread, auto&) {
                load_rows<E, K::kTile>({pass_.a, place_.matrix, pass_.rows, pass_.inner},
                                       place_.row, k, thread, left);
                load_right(k, thread, left + kStageBytes<K> / 2);
            });
        }
        commit_copies();
    }

    STEEPEST_HD STEEPEST_INLINE void load_right(int64_t k, int thread, char* right) const {
        if constexpr (K::kColumns)
            load_columns<E, K::kTile>({pass_.b, place_.matrix, pass_.inner, pass_.cols}, place_.col,
                                      k, thread, right);
        else
            load_rows<E, K::kTile>({pass_.b, place_.matrix, pass_.cols, pass_.inner}, place_.col, k,
                                   thread, right);
    }

    STEEPEST_HD STEEPEST_INLINE void finish(int slab) {
        auto* memory = reinterpret_cast<typename K::Sum*>(block_.shared);
        block_.sync();  // all have read what is there
        block_.each([&](int thread, auto& held) { K::put(thread, held.state, slab, memory); });
        block_.sync();
        block_.each([&](int thread, auto& held) {
            Rows(pass_, place_, slab, memory, thread).store(held.sums);
        });
        if (!pass_.is_lower) return;
        block_.sync();
        block_.each([&](int thread, auto&) { Rows(pass_, place_, slab, memory, thread).mirror(); });
    }

    const ProductPass& pass_;
    int64_t item_;
    TilePlace place_;
    Block& block_;
};

// The by-products of a matrix from those of its tiles.
template <class Block>
STEEPEST_HD STEEPEST_INLINE void fold_tiles(const ProductPass& pass, int64_t matrix, Block& block) {
    const polar::ByProducts* tiles = pass.tile_sums + matrix * pass.tiles;
    block.each([&](int thread, auto& held) {
        held.sums = {0, 0};
        for (int64_t t = thread; t < pass.tiles; t += kTileThreads) {
            held.sums.trace += tiles[t].trace;
            held.sums.squares += tiles[t].squares;
        }
    });
    fold_threads(block, pass.sums + matrix);
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
