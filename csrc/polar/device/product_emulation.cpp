#include "polar/device/product_emulation.h"

#include <cstring>
#include <memory>

#include "polar/device/product_runs.h"

namespace steepest::device {
namespace {

template <class K, int kBytes>
struct EmulatedBlock {
    alignas(16) char shared[kBytes];
    polar::ByProducts sums[kTileThreads];
    Held<K> held[kTileThreads];

    template <class F>
    void each(F&& f) {
        for (int thread = 0; thread < kTileThreads; ++thread) f(thread, held[thread]);
    }
    void sync() {}
    template <class Half>
    void multiply_add(int i, int j) {
        emulate_warps<Half>(kTileThreads, i, j,
                            [&](int thread) -> auto& { return held[thread].state; });
    }
};

struct Emulated {
    // Memory that no tile has written holds NaN, which shows in the results that read it.
    template <class K>
    static void multiply(const ProductPass& pass, int64_t items, void*) {
        using Block = EmulatedBlock<K, kSharedBytes<K>>;
        const auto block = std::make_unique<Block>();
        for (int64_t i = 0; i < items; ++i) {
            std::memset(block->shared, 0xFF, sizeof block->shared);
            TileProgram<K, Block>(pass, pass.first_item + i, *block).run();
        }
    }
    static void fold(const ProductPass& pass, int64_t items, void*) {
        const auto block = std::make_unique<EmulatedBlock<NoTile, 1>>();
        for (int64_t i = 0; i < items; ++i) fold_tiles(pass, pass.first_item + i, *block);
    }
};

}  // namespace

const ProductRuns& emulated_product_runs(bool has_columns) {
    return product_runs_of<Emulated>(has_columns);
}

}  // namespace steepest::device
