// What a CPU target supplies to the messages: everything here is data, so that the targets share no
// code.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/philox.h"
#include "core/target.h"
#include "distributed/ef21_table.h"
#include "steps/stage.h"

namespace steepest::distributed {

// Elements per pass through the scratch of the drivers: a divisor of kBlock, and whole words.
inline constexpr int64_t kTile = 256;
inline constexpr int kTileWords = kTile / 64;

// Bytes of every message that are counted at a time.
inline constexpr int64_t kVoteBytes = 512;
inline constexpr int kVoteWords = kVoteBytes / 8;

inline constexpr int kMostWorkers = 65535;
inline constexpr int kMostPlanes = 17;  // the digits of 2 kMostWorkers

// How many binary digits a number has. Inlined, as the members below, so that targets share no
// code.
STEEPEST_INLINE constexpr int digits_of(int64_t n) {
    int digits = 0;
    for (; n > 0; n /= 2) ++digits;
    return digits;
}
static_assert(digits_of(2 * kMostWorkers) == kMostPlanes);

// Of the directions of one tensor, in the precision of the arithmetic.
template <class T>
struct SignSetting {
    T beta1, gain1, beta2, gain2;
    Stage<T> stage;
    bool staged;  // the stage touches the gradient
};

// Words of kTile elements, element i in bit i % 64 of word i / 64. Of one bit per element only the
// first plane is written.
struct SignWords {
    uint64_t plane[2][kTileWords];
};

// Writes the signs of n <= kTile directions and moves the momentum on; returns how many directions
// are NaN. g and m are of T.
using SignFn = int64_t (*)(const void* setting, int bits, const void* g, void* m, int64_t n,
                           SignWords& to);

enum class Tie : int32_t { zero = 0, positive = 1, negative = 2, first = 3 };
enum class Outcome : int32_t { majority = 0, sum = 1 };

// The messages of all workers, each of `bits` planes of `plane` bytes.
struct Ballot {
    const char* messages;
    int64_t stride;  // bytes from one worker's message to the next one's
    int64_t plane;
    int32_t workers;
    int32_t bits;
    Outcome outcome;
    Tie tie;
    char* result;  // planes of `plane` bytes

    // The count of a sum: of set bits, or of the sum of -1, 0 and 1 plus the number of workers.
    STEEPEST_INLINE int64_t most() const { return bits == 1 ? workers : int64_t{2} * workers; }
    STEEPEST_INLINE int result_planes() const {
        if (outcome == Outcome::sum) return digits_of(most());
        return tie == Tie::zero ? 2 : 1;
    }
};

// Counts n <= kVoteBytes bytes of the planes from byte `at` on, and writes the outcome.
using VoteFn = void (*)(const Ballot& ballot, int64_t at, int64_t n);

enum class Form : int32_t { signs = 0, ternary = 1, sum_of_signs = 2, sum_of_ternary = 3 };

// What planes of bits mean.
struct Coding {
    Form form;
    int32_t workers;

    STEEPEST_INLINE int planes() const {
        if (form == Form::signs) return 1;
        if (form == Form::ternary) return 2;
        return digits_of(form == Form::sum_of_signs ? workers : int64_t{2} * workers);
    }
};

struct VoteWords {
    uint64_t plane[kMostPlanes][kTileWords];
};

// p = p keep - lr d for n <= kTile elements in T, d the decoded direction.
template <class T>
struct ApplySetting {
    T lr, keep;
};
using ApplyFn = void (*)(const void* setting, const Coding& coding, const VoteWords& words, void* p,
                         int64_t n);

using LoadFn = void (*)(const void* from, float* to, int64_t n);
using StoreFn = void (*)(const float* from, void* to, int64_t n);
using StoreRandomlyFn = void (*)(const float* from, void* to, int64_t n, const Stream& stream,
                                 int64_t first);

// Adds n values of T to the sums.
using AddFn = void (*)(const void* values, int64_t n, double* sum);
using DivideFn = void (*)(double* sum, int64_t n, double by);
// Adds to twice kLanes lanes the terms (x - mean)^2 and then x mean of n values x of T.
using MomentFn = void (*)(const void* values, const double* mean, int64_t n, double* lanes);

// Index [0] is float, [1] is double.
struct DistributedKernels {
    SignFn signs[2];
    VoteFn vote;
    ApplyFn apply[2];
    AddFn add_values[2];
    DivideFn divide_values;
    MomentFn add_moments[2];
    Ef21Kernels ef21;
    LoadFn load[kDTypes];  // null: stored as T
    StoreFn store[kDTypes];
    StoreRandomlyFn store_randomly[kDTypes];
};

}  // namespace steepest::distributed
