// What a CPU target supplies to the symbols of convolutions: one complex matrix per frequency, as
// many frequencies side by side as a register has floats. An element is so many real parts and then
// so many imaginary ones. Everything here is data, so that the targets share no code.
//
// A Gram matrix, and a factor, is held as the rows of its lower triangle, one after the other. The
// number of rows is even: a last one of zeros is added where it is not.
#pragma once

#include <cstdint>

namespace steepest::norms {

// Columns of a block, and of a factor, whose products are summed before they are added to what was
// there: short sums round less, and a panel of so many columns stays in the cache.
inline constexpr int64_t kRun = 32;

// The elements of a Gram matrix of n rows, and where row i begins.
constexpr int64_t triangle(int64_t n) { return n * (n + 1) / 2; }

// Taps in pairs, tap t and the last but t of `taps`: `count` times the sums of the pairs, and the
// middle tap where one is alone, and then as many differences, and zero.
using FoldTapsFn = void (*)(const float* kernel, int64_t count, int64_t taps, float* folded);

// The folded kernel at (row, column, sum or difference, term), ld elements from row to row.
struct KernelPart {
    const float* data;
    int64_t ld, rows, cols, terms;
};

// Sums over the terms of sum times the wave's real part, and of difference times its imaginary one.
// The waves are (terms, 2, lanes); kRun elements from row to row of the panel.
using TransformFn = void (*)(const KernelPart& kernel, const float* waves, float* panel);
// gram += panel panel^H over `cols` <= kRun columns.
using AddGramFn = void (*)(const float* panel, int64_t rows, int64_t cols, float* gram);
// One step of Lanczos' method: `previous`, times the last beta that `beta` comes with, becomes the
// vector after v.
using LanczosFn = void (*)(const float* gram, int64_t rows, const float* v, float* previous,
                           float* alpha, float* beta);
// Cholesky's factor of mu I - gram, in its place, and the lanes in which a pivot was not positive;
// their factor means nothing. `inverses` has room for a number per row and lane.
using FactorizeFn = uint32_t (*)(float* gram, int64_t rows, const float* mu, float* inverses);

struct SymbolKernels {
    int lanes;
    FoldTapsFn fold;
    TransformFn transform;
    AddGramFn add_gram;
    LanczosFn lanczos;
    FactorizeFn factorize;
};

}  // namespace steepest::norms
