// The server's half: bits of all workers are counted in parallel, digit by digit. The counts of
// 512 bits lie in planes, plane k holding the k-th binary digit of every count.
#pragma once

#include "core/philox_wide.h"
#include "distributed/kernel_table.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace distributed_kernels {

using Bits = Wide;
inline constexpr int kVectors = distributed::kVoteBytes / sizeof(Bits);

struct Counts {
    Bits plane[distributed::kMostPlanes][kVectors];
    Bits nan[kVectors];    // some worker's both bits
    Bits first[kVectors];  // the first worker's bits
};

// Bytes of a message, of which the last ones may be missing.
STEEPEST_INLINE void load_bits(const char* from, int64_t n, Bits (&to)[kVectors]) {
    if (n == distributed::kVoteBytes) {
        __builtin_memcpy(to, from, distributed::kVoteBytes);
    } else {
        __builtin_memset(to, 0, sizeof to);
        __builtin_memcpy(to, from, static_cast<size_t>(n));
    }
}

// Adds one to the counts whose bit is set; they stay below 2^planes.
STEEPEST_INLINE void add_bits(const Bits (&bits)[kVectors], int planes, Counts& counts) {
    for (int v = 0; v < kVectors; ++v) {
        Bits carry = bits[v];
        for (int k = 0; k < planes; ++k) {
            const Bits digit = counts.plane[k][v];
            counts.plane[k][v] = digit ^ carry;
            carry &= digit;
        }
    }
}

// Of ternary messages, a positive sign counts twice, a zero once and a negative one not at all.
STEEPEST_INLINE void count_worker(const distributed::Ballot& b, int32_t worker, int64_t at,
                                  int64_t n, Counts& counts) {
    Bits bits[kVectors];
    const char* message = b.messages + worker * b.stride + at;
    load_bits(message, n, bits);
    if (worker == 0) __builtin_memcpy(counts.first, bits, sizeof bits);
    if (b.bits == 1) return add_bits(bits, distributed::digits_of(worker + 1), counts);
    const int planes = distributed::digits_of(2 * (worker + 1));
    add_bits(bits, planes, counts);
    Bits negative[kVectors];
    load_bits(message + b.plane, n, negative);
    for (int v = 0; v < kVectors; ++v) {
        counts.nan[v] |= bits[v] & negative[v];
        negative[v] = ~negative[v];
    }
    add_bits(negative, planes, counts);
}

struct Compared {
    Bits above, equal;
};

// The counts against a number, from the highest digit on.
STEEPEST_INLINE Compared compare(const Counts& counts, int planes, int64_t number, int v) {
    Compared c = {Bits{}, ~Bits{}};
    for (int k = planes - 1; k >= 0; --k) {
        const Bits digit = counts.plane[k][v];
        if (number >> k & 1) {
            c.equal &= digit;
        } else {
            c.above |= c.equal & digit;
            c.equal &= ~digit;
        }
    }
    return c;
}

STEEPEST_INLINE void store_bits(const Bits (&from)[kVectors], int64_t n, char* to) {
    if (n == distributed::kVoteBytes)
        __builtin_memcpy(to, from, distributed::kVoteBytes);
    else
        __builtin_memcpy(to, from, static_cast<size_t>(n));
}

STEEPEST_INLINE Bits tie_bits(distributed::Tie tie, const Counts& counts, int v) {
    switch (tie) {
        case distributed::Tie::positive:
            return ~Bits{};
        case distributed::Tie::first:
            return counts.first[v];
        default:
            return Bits{};
    }
}

// Where as many are on either side there is a tie, which an odd number of single bits cannot have.
STEEPEST_INLINE void write_majority(const distributed::Ballot& b, const Counts& counts, int64_t at,
                                    int64_t n) {
    const int64_t most = b.most();
    const int planes = distributed::digits_of(most);
    const bool can_tie = most % 2 == 0;
    Bits positive[kVectors], negative[kVectors];
    for (int v = 0; v < kVectors; ++v) {
        const Compared c = compare(counts, planes, most / 2, v);
        const Bits tied = can_tie ? c.equal : Bits{};
        positive[v] = c.above | (tied & tie_bits(b.tie, counts, v)) | counts.nan[v];
        negative[v] = ~(c.above | tied) | counts.nan[v];
    }
    store_bits(positive, n, b.result + at);
    if (b.tie == distributed::Tie::zero) store_bits(negative, n, b.result + b.plane + at);
}

// All digits are set where a worker's direction is NaN. No sum is that number: the largest, of two
// per worker, is even.
STEEPEST_INLINE void write_sums(const distributed::Ballot& b, Counts& counts, int64_t at,
                                int64_t n) {
    for (int k = 0; k < b.result_planes(); ++k) {
        for (int v = 0; v < kVectors; ++v) counts.plane[k][v] |= counts.nan[v];
        store_bits(counts.plane[k], n, b.result + k * b.plane + at);
    }
}

inline void vote(const distributed::Ballot& b, int64_t at, int64_t n) {
    Counts counts;
    const auto used = static_cast<size_t>(distributed::digits_of(b.most()));
    __builtin_memset(counts.plane, 0, used * sizeof counts.plane[0]);
    __builtin_memset(counts.nan, 0, sizeof counts.nan);
    for (int32_t worker = 0; worker < b.workers; ++worker) count_worker(b, worker, at, n, counts);
    if (b.outcome == distributed::Outcome::sum)
        write_sums(b, counts, at, n);
    else
        write_majority(b, counts, at, n);
}

}  // namespace distributed_kernels
}  // namespace STEEPEST_TARGET
}  // namespace steepest
