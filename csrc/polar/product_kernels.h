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
void multiply_tile(const typename O::Unit* left, const typename O::Unit* right, int64_t units,
                   bool add, const char* next, typename O::Accumulator* block) {
    using T = typename O::Accumulator;
    constexpr int lanes = kLanesOf<T>, panel = kPanel<O>;
    Vector<T> sum[Rows][Vectors] = {};
    if (add)
        for (int r = 0; r < Rows; ++r)
            for (int v = 0; v < Vectors; ++v) __builtin_prefetch(block + r * panel + v * lanes);
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
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            T* to = block + r * panel + v * lanes;
            store(to, add ? load(to) + sum[r][v] : sum[r][v]);
        }
}

template <class O>
void multiply(const void* left, const void* right, int64_t units, const polar::Extent& extent,
              bool add, const void* next, void* block) {
    constexpr int lanes = kLanesOf<typename O::Accumulator>;
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
         operand_kernels<Bf16Operand>(finish_float<kPanel<Bf16Operand>>)}};
    return kernels;
}

}  // namespace products
}  // namespace STEEPEST_TARGET
}  // namespace steepest
