// What a CPU target supplies to the compressors of EF21.
#pragma once

#include <cstdint>

#include "core/philox.h"

namespace steepest::distributed {

// What a random choice draws for.
inline constexpr uint32_t kChoicePurpose = 0x1A0;

// Candidates for being kept: their keys, of which the largest are kept, and their places in the
// block of kBlock elements. Keys are int64_t for double, else int32_t.
struct Found {
    void* keys;
    uint16_t* at;
};

// A tile of n <= kTile elements that begins at `place` in its block, and the least key of a
// candidate.
struct Search {
    int64_t n;
    int32_t place;
    int64_t least;
};

// The difference d = scale g - e, g and e of T. Keys are the magnitudes of d, the bits of a float
// without its sign; a NaN counts as an infinity. Returns how many candidates there are.
using FindLargeFn = int64_t (*)(double scale, const void* g, const void* e, const Search& search,
                                const Found& to);
// Keys are random words of the elements from `first`, a multiple of kTile, on.
using FindRandomFn = int64_t (*)(const Stream& stream, int64_t first, const Search& search,
                                 const Found& to);

// Writes bits that are set where d >= 0, and adds |d| to kLanes lanes.
using SumMagnitudesFn = void (*)(double scale, const void* g, const void* e, int64_t n,
                                 uint64_t* bits, double* lanes);
// e + by where a bit is set, else e - by, in T, for n <= kTile elements.
using MoveFn = void (*)(double by, const uint64_t* bits, int64_t n, void* e);

// Index [0] is float, [1] is double.
struct Ef21Kernels {
    FindLargeFn find_large[2];
    FindRandomFn find_random;
    SumMagnitudesFn sum_magnitudes[2];
    MoveFn move[2];
};

}  // namespace steepest::distributed
