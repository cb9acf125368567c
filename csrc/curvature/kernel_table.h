// What a CPU target supplies to the probes: everything here is data, so that the targets share no
// code.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/philox.h"
#include "core/reduce.h"

namespace steepest::curvature {

enum class Distribution : int32_t { rademacher = 0, gaussian = 1 };
inline constexpr int kDistributions = 2;

// Purpose of the random draws of a distribution: this plus its number.
inline constexpr uint32_t kProbePurpose = 0x200;

// Elements per pass through the scratch of the drivers, a divisor of kBlock and a multiple of
// kLanes.
inline constexpr int64_t kTile = 256;

inline constexpr int kSpareLanes = 16;

// Of memory that is written past the caches.
inline constexpr int64_t kAlignment = 64;

// Random bits of a block of the reduction tree, with room for whole vectors of Philox blocks at
// both ends.
inline constexpr int64_t kBitWords = kBlock / 64;
inline constexpr int64_t kPhiloxSigns = 128;  // one bit each

// The statistics of a run of elements, in T; all null when only the sum is wanted.
struct Statistics {
    void* mean;
    void* scatter;  // sum of squared deviations from the mean
    void* weight;   // sum of squares of the probe, for means over them; null: plain means
    double share;   // 1 / sample
};

// Signs of the elements from `first` on, any number: bit i % 64 of word i / 64, set where negative.
using BitsFn = void (*)(const Stream& stream, int64_t first, int64_t words, uint64_t* bits);
// Values in T of n bits; `bits` begins at a whole word.
using ExpandFn = void (*)(const uint64_t* bits, int64_t n, void* values);
// Gaussian values in T of the elements from `first` on, rounded to the storage type; n <= kTile.
using DrawFn = void (*)(const Stream& stream, int64_t first, int64_t n, void* values);
using LoadFn = void (*)(const void* from, float* to, int64_t n);
using StoreFn = void (*)(const float* from, void* to, int64_t n);
// Takes in n products h = H z at the probe's values z, and adds z h to the lanes.
using AccumulateFn = void (*)(const void* z, const void* h, int64_t n, const Statistics& to,
                              double* lanes);
// The same for signs with plain means, n <= kBlock: the values need not be made. There is room for
// kSpareLanes behind the lanes.
using AccumulateSignsFn = void (*)(const uint64_t* bits, const void* h, int64_t n,
                                   const Statistics& to, double* lanes);

// Of the weighted differences of OASIS.
struct OasisOptions {
    double beta2, alpha;
    double factor;  // of the differences of gradients
    double decay;   // times the difference of parameters, added to them
};

// Adds to twice kLanes lanes the terms |D|^ (w - w')^2 and then (g - g')^2 / |D|^ of n <= kTile
// elements of the streams w, w', g, g', D and h in T; h is null where D takes in no estimate.
using OasisFn = void (*)(const OasisOptions& options, const void* const* streams, int64_t n,
                         double* lanes);

// Index [0] is float, [1] is double.
struct ProbeKernels {
    BitsFn sign_bits;
    ExpandFn expand[2];
    DrawFn gaussians[kDTypes];
    LoadFn load[kDTypes];      // null: stored as T
    StoreFn store[kDTypes];    // likewise
    ExpandFn stream_signs[2];  // likewise, past the caches, to memory aligned to kAlignment
    AccumulateFn accumulate[2];
    AccumulateSignsFn accumulate_signs[2];
    OasisFn oasis[2];
};

}  // namespace steepest::curvature
