#include "polar/device/passes_emulation.h"

#include <cstring>
#include <memory>
#include <vector>

#include "polar/device/pass_runs.h"

namespace steepest::device {
namespace {

template <class F>
void each_thread(F&& f) {
    for (int32_t thread = 0; thread < kThreads; ++thread) f(thread);
}

// Calls f(tile, thread) for the threads of all blocks.
template <class F>
void each_tile(const Batch& b, int64_t blocks, F&& f) {
    for (int64_t block = 0; block < blocks; ++block) {
        const PolarTile tile(b, block);
        each_thread([&](int32_t thread) { f(tile, thread); });
    }
}

// The sum of what the threads of a block have, folded as the block folds it.
template <class Sum, class F>
Sum fold_block(F&& sum_of) {
    Sum sums[kThreads];
    each_thread([&](int32_t thread) { sums[thread] = sum_of(thread); });
    for (int half = kThreads / 2; half > 0; half /= 2)
        each_thread([&](int32_t thread) { fold_half(sums, thread, half); });
    return sums[0];
}

// The threads of a block, with what each keeps.
template <class Block, class Pass>
struct EmulatedTeam {
    const Pass& pass;
    int64_t matrix;
    typename Block::Memory& memory;
    std::vector<typename Block::Registers> registers =
        std::vector<typename Block::Registers>(kThreads);

    template <class F>
    void each(F&& f) {
        each_thread([&](int32_t thread) {
            f(Block{pass, memory, matrix, thread}, registers[static_cast<size_t>(thread)]);
        });
    }
    template <class F>
    void all(F&& f) {
        each(f);
    }
    template <class Half>
    void multiply_add(int i, int j) {
        emulate_warps<Half>(kThreads, i, j, [&](int thread) -> auto& {
            return registers[static_cast<size_t>(thread)];
        });
    }
};

struct EmulatedPasses {
    static void squares(const PolarPass& pass, int64_t blocks, void*) {
        const auto memory = std::make_unique<TileMemory<double>>();
        for (int64_t block = 0; block < blocks; ++block) {
            const PolarTile tile(pass.to, block);
            each_thread([&](int32_t thread) { fetch_doubles(pass, tile, thread, *memory); });
            pass.partial[block] = fold_block<NormSums>(
                [&](int32_t thread) { return tile_squares(tile, thread, *memory); });
        }
    }
    static void scales(const PolarPass& pass, int64_t blocks, void*) {
        for (int64_t m = 0; m < blocks; ++m) {
            const auto sums = fold_block<NormSums>(
                [&](int32_t thread) { return matrix_squares(pass, m, thread); });
            pass.scales[m] = scale_by(pass.views[m], sums, pass.value, pass.is_set);
        }
    }
    template <class T>
    static void load(const PolarPass& pass, int64_t blocks, void*) {
        const auto memory = std::make_unique<TileMemory<T>>();
        for (int64_t block = 0; block < blocks; ++block) {
            const PolarTile tile(pass.to, block);
            each_thread([&](int32_t thread) { fetch_scaled<T>(pass, tile, thread, *memory); });
            each_thread([&](int32_t thread) { put_iterate<T>(pass, tile, thread, *memory); });
        }
    }
    template <class T>
    static void store(const PolarPass& pass, int64_t blocks, void*) {
        const auto memory = std::make_unique<TileMemory<T>>();
        for (int64_t block = 0; block < blocks; ++block) {
            const PolarTile tile(pass.from, block);
            each_thread([&](int32_t thread) { fetch_iterate<T>(pass, tile, thread, *memory); });
            each_thread([&](int32_t thread) { put_result<T>(pass, tile, thread, *memory); });
        }
    }
    template <class T>
    static void copy_plus(const PolarPass& pass, int64_t blocks, void*) {
        each_tile(pass.to, blocks, [&](const PolarTile& tile, int32_t thread) {
            device::copy_plus<T>(pass, tile, thread);
        });
    }
    template <class Half>
    static void split(const PolarPass& pass, int64_t blocks, void*) {
        each_tile(pass.to, blocks, [&](const PolarTile& tile, int32_t thread) {
            device::split<Half>(pass, tile, thread);
        });
    }
    template <class T>
    static void line_sums(const PolarPass& pass, int64_t, void*) {
        for (int64_t line = 0; line < lines_of(pass.from); ++line) {
            double sums[kWarp];
            for (int32_t lane = 0; lane < kWarp; ++lane) sums[lane] = line_sum<T>(pass, line, lane);
            for (int half = kWarp / 2; half > 0; half /= 2)
                for (int32_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
            pass.lines[line] = sums[0];
        }
    }
    static void line_factors(const PolarPass& pass, int64_t blocks, void*) {
        for (int64_t m = 0; m < blocks; ++m) {
            const auto total =
                fold_block<double>([&](int32_t thread) { return matrix_lines(pass, m, thread); });
            each_thread([&](int32_t thread) { put_factors(pass, m, thread, total); });
        }
    }
    template <class T>
    static void multiply_lines(const PolarPass& pass, int64_t blocks, void*) {
        each_tile(pass.to, blocks, [&](const PolarTile& tile, int32_t thread) {
            device::multiply_lines<T>(pass, tile, thread);
        });
    }
    template <int S>
    static void on_chip(const OnChipPass& pass, int64_t matrices, void*) {
        const auto memory = std::make_unique<typename OnChip<S>::Memory>();
        for (int64_t m = 0; m < matrices; ++m) {
            EmulatedTeam<OnChip<S>, OnChipPass> team{pass, m, *memory};
            run_on_chip<S>(pass, team);
        }
    }
    // Memory that no thread has written holds NaN, which shows in the results that read it.
    template <class Half, int S>
    static void half_on_chip(const OnChipPass& pass, int64_t matrices, void*) {
        using Block = HalfOnChip<Half, S>;
        const auto memory = std::make_unique<typename Block::Memory>();
        for (int64_t m = 0; m < matrices; ++m) {
            std::memset(static_cast<void*>(memory.get()), 0xFF, sizeof *memory);
            EmulatedTeam<Block, OnChipPass> team{pass, m, *memory};
            HalfProgram<Block, EmulatedTeam<Block, OnChipPass>>(pass, team).run();
        }
    }
    template <class T, int S>
    static void gram_steps(const GramStepsPass& pass, int64_t matrices, void*) {
        const auto memory = std::make_unique<typename GramOnChip<T, S>::Memory>();
        for (int64_t m = 0; m < matrices; ++m) {
            EmulatedTeam<GramOnChip<T, S>, GramStepsPass> team{pass, m, *memory};
            run_gram_on_chip<T, S>(pass, team);
        }
    }
};

}  // namespace

const PolarRuns& emulated_polar_runs() { return polar_runs_of<EmulatedPasses>(); }

}  // namespace steepest::device
