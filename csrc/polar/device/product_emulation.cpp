#include "polar/device/product_emulation.h"

#include <cstring>
#include <memory>

#include "polar/device/product_runs.h"

namespace steepest::device {
namespace {

constexpr int kLanesOfWarp = 32;

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
        for (int warp = 0; warp < kTileThreads; warp += kLanesOfWarp) {
            const auto of = [&](int lane) -> auto& { return held[warp + lane].state; };
            emulate_multiply_add<Half>([&](int lane) { return of(lane).a[i]; },
                                       [&](int lane) { return of(lane).b[j / 2][j % 2]; },
                                       [&](int lane) { return of(lane).c[i][j]; });
        }
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
