// The product of two panels. Included once by each file in targets/, which sets the target and its
// flags.
//
// A tile of kTileRows rows and up to kTileVectors vectors of columns stays in registers over the
// whole inner dimension of a panel. A panel is as wide as a tile. Where one vector of columns is
// enough a tile has twice the rows, since few sums cannot hide the latency of an addition.
#pragma once

#include "polar/finish.h"
#include "polar/packing.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace products {

#if defined(__AVX512F__)
inline constexpr int kTileRows = 8, kTileVectors = 2;
#elif defined(__AVX2__)
inline constexpr int kTileRows = 4, kTileVectors = 3;
#else
inline constexpr int kTileRows = 4, kTileVectors = 2;
#endif

template <class O>
inline constexpr int kPanel = kTileVectors * kLanesOf<typename O::Unit>;

// All tiles of a block prefetch a panel together.
template <class O>
inline constexpr int64_t kPrefetchBytes = sizeof(typename O::Unit) * kTileRows;

template <class O, int Rows, int Vectors>
using Tile = Vector<typename O::Sum>[Rows][Vectors];

template <class O, int Rows, int Vectors>
STEEPEST_INLINE void sum_products(const typename O::Unit* left, const typename O::Unit* right,
                                  int64_t units, const char* next, Tile<O, Rows, Vectors>& sum) {
    constexpr int lanes = kLanesOf<typename O::Unit>, panel = kPanel<O>;
#pragma GCC unroll 4
    for (int64_t k = 0; k < units; ++k, left += panel, right += panel) {
        __builtin_prefetch(next + k * kPrefetchBytes<O>, 0, 2);
        Vector<typename O::Unit> b[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) b[v] = load(right + v * lanes);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v)
                sum[r][v] = O::multiply_add(left + r, b[v], sum[r][v]);
    }
}

template <class T>
STEEPEST_INLINE void accumulate(T* to, Vector<T> sum, bool add) {
    store(to, add ? load(to) + sum : sum);
}

STEEPEST_INLINE void accumulate(double* to, Vector<float> sum, bool add) {
    const Doubles halves = widen(sum);
    accumulate(to, halves.lower, add);
    accumulate(to + kLanesOf<double>, halves.upper, add);
}

template <class O, int Rows, int Vectors>
STEEPEST_INLINE void accumulate_tile(const Tile<O, Rows, Vectors>& sum, bool add,
                                     typename O::Accumulator* block) {
    constexpr int lanes = kLanesOf<typename O::Sum>;
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v)
            accumulate(block + r * kPanel<O> + v * lanes, sum[r][v], add);
}

template <class O, int Rows, int Vectors>
void multiply_tile(const typename O::Unit* left, const typename O::Unit* right, int64_t units,
                   bool add, const char* next, typename O::Accumulator* block) {
    constexpr int lanes = kLanesOf<typename O::Sum>, panel = kPanel<O>;
    if (add)
        for (int r = 0; r < Rows; ++r)
            for (int v = 0; v < Vectors; ++v) __builtin_prefetch(block + r * panel + v * lanes);
    const int64_t run = O::kRun > 0 ? O::kRun : units;
    int64_t k = 0;
    do {  // once where there are no units: the block is then set to zeros
        Tile<O, Rows, Vectors> sum = {};
        sum_products<O, Rows, Vectors>(left + k * panel, right + k * panel,
                                       run < units - k ? run : units - k,
                                       next + k * kPrefetchBytes<O>, sum);
        accumulate_tile<O, Rows, Vectors>(sum, add || k > 0, block);
        k += run;
    } while (O::kRun > 0 && k < units);
}

template <class O>
void multiply(const void* left, const void* right, int64_t units, const polar::Extent& extent,
              bool add, const void* next, void* block) {
    constexpr int lanes = kLanesOf<typename O::Sum>;
    auto* b = static_cast<const typename O::Unit*>(right);
    // The columns that `rows` rows from r on need.
    const auto cols_of = [&extent](int r, int rows) {
        return extent.lower && r + rows < extent.cols ? r + rows : extent.cols;
    };
    for (int r = 0; r < extent.rows; r += kTileRows) {
        auto* a = static_cast<const typename O::Unit*>(left) + r;
        auto* to = static_cast<typename O::Accumulator*>(block) + r * kPanel<O>;
        const int cols = cols_of(r, kTileRows);
        const char* soon =
            static_cast<const char*>(next) + units * kPrefetchBytes<O> * (r / kTileRows);
        if (r + 2 * kTileRows <= kPanel<O> && cols_of(r, 2 * kTileRows) <= lanes) {
            multiply_tile<O, 2 * kTileRows, 1>(a, b, units, add, soon, to);
            r += kTileRows;
        } else if (cols <= lanes)
            multiply_tile<O, kTileRows, 1>(a, b, units, add, soon, to);
        else if (cols <= 2 * lanes)
            multiply_tile<O, kTileRows, 2>(a, b, units, add, soon, to);
        else
            multiply_tile<O, kTileRows, kTileVectors>(a, b, units, add, soon, to);
    }
}

template <class O>
constexpr polar::OperandKernels operand_kernels(polar::FinishFn finish) {
    constexpr int panel = kPanel<O>;
    static_assert(panel * panel * sizeof(typename O::Accumulator) <= polar::kLargestBlock);
    return {.panel = panel,
            .unit = O::kUnit,
            .unit_bytes = sizeof(typename O::Unit),
            .accumulator_bytes = sizeof(typename O::Accumulator),
            .pack_rows = pack_rows<O, panel>,
            .pack_columns = pack_columns<O, panel>,
            .multiply = multiply<O>,
            .finish = finish};
}

const polar::ProductKernels& product_kernels() {
    static constexpr polar::ProductKernels kernels = {
        {operand_kernels<Plain<float>>(finish_float<kPanel<Plain<float>>>),
         operand_kernels<Plain<double>>(finish_double<kPanel<Plain<double>>>),
         operand_kernels<Bf16Operand>(finish_float<kPanel<Bf16Operand>>),
         operand_kernels<LongSums>(finish_double<kPanel<LongSums>>)}};
    return kernels;
}

}  // namespace products
}  // namespace STEEPEST_TARGET
}  // namespace steepest
