// What the drivers and the per-target kernels exchange: plain data, no code.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/philox.h"
#include "steps/rule.h"
#include "steps/stage.h"

namespace steepest {

// One array: storage type, rounding of what is written, and its random coordinates.
struct Operand {
    void* data;
    DType dtype;
    Rounding rounding;
    uint32_t purpose;

    void* at(int64_t i) const { return static_cast<char*>(data) + i * size_of(dtype); }
};

// A batch of matrices stored one after the other. `rows` == 0: not a matrix.
struct Geometry {
    int64_t rows;
    int64_t cols;
    bool column_major;

    int64_t size() const { return rows * cols; }
    int64_t inner() const { return column_major ? rows : cols; }  // contiguous in memory
    int64_t outer() const { return column_major ? cols : rows; }
};

inline constexpr uint32_t kRoundingPurpose = 0x100;  // plus the stream: what a random draw is for
// Far beyond any memory, and sums of counts do not overflow.
inline constexpr int64_t kMostElements = int64_t{1} << 60;

inline constexpr int kMaxConstants = 128;  // bytes of a rule's constants

// Elements per pass through the scratch tiles of the drivers. Decoding, rule and encoding of a tile
// are separate loops; short ones overlap in the processor, so that memory is never idle (measured:
// 1024 costs half the speed of 256 with bfloat16 moments).
inline constexpr int64_t kTile = 256;

// Lines whose terms are added to the columns at a time, so that the columns' sums are loaded and
// stored less often.
inline constexpr int kLinesTogether = 4;

// Kernels take the streams of a rule as arrays of T in order: parameter, gradient, states.
using ApplyFn = void (*)(const void* constants, const void* stage, void* const* streams, int64_t n);
using ReduceFn = void (*)(const void* constants, const void* stage, void* const* streams, int64_t n,
                          double* lanes);
using StageFn = void (*)(const void* stage, const void* p, const void* g, void* out, int64_t n);
using AxisFn = void (*)(const void* g, int64_t n, double* lanes, double* columns);
using AxisLinesFn = void (*)(const void* const* g, int64_t n, double* lanes, double* columns);
using AxisMaximaFn = void (*)(const void* g, const void* row, const void* column, int64_t n,
                              double* lanes, double* columns);
using AxisMaximaLinesFn = void (*)(const void* const* g, const void* rows, const void* column,
                                   int64_t n, double* lanes, double* columns);
using SquaresFn = void (*)(const void* x, int64_t n, double* lanes);
using FoldRowsFn = void (*)(double* lanes, int rows, int width, double* across);
using LoadFn = void (*)(const void* from, float* to, int64_t n);
using StoreFn = void (*)(const float* from, void* to, int64_t n);
using StoreRandomlyFn = void (*)(const float* from, void* to, int64_t n, const Stream& stream,
                                 int64_t first);

struct RuleKernels {
    ApplyFn apply[2];          // [1]: for a stage that needs more than `keep`
    ReduceFn reduce[2];        // null: the rule needs no sums
    AxisFn axis;               // null: the rule keeps no row and column averages
    AxisLinesFn axis_lines;    // the same of kLinesTogether lines, each with lanes of its own
    AxisMaximaFn axis_maxima;  // nor maxima
    AxisMaximaLinesFn axis_maxima_lines;
};

inline constexpr int kMaxRules = 64;

// Everything a CPU target offers to the steps. Index [0] is float, [1] is double.
struct StepKernels {
    RuleKernels rule[kMaxRules][2];
    StageFn stage[2];
    SquaresFn squares[2];
    FoldRowsFn sum_rows;      // of short rows that lie in the lanes one after the other
    FoldRowsFn largest_rows;  // the same for maxima
    LoadFn load[kDTypes];
    StoreFn store[kDTypes];
    StoreRandomlyFn store_randomly[kDTypes];
};

}  // namespace steepest
