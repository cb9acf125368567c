// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3" (SC 2011). A value depends on its coordinates alone, so any thread, tile or device that
// asks for the same coordinates gets the same bits and nothing needs to be stored.
#pragma once

#include <cstdint>

#include "core/target.h"

namespace steepest {

// What a draw is for. `purpose` separates uses, `draw` counts repetitions (the step of a rounding,
// the probe of an estimate) and `tensor` is the position of the tensor in its list unless the
// caller says otherwise.
struct Stream {
    uint64_t seed;
    uint32_t purpose;
    uint32_t draw;
    uint32_t tensor;
};

inline constexpr uint32_t kPhiloxA = 0xD2511F53u;  // multipliers and key increments of the paper
inline constexpr uint32_t kPhiloxC = 0xCD9E8D57u;
inline constexpr uint32_t kPhiloxKey0 = 0x9E3779B9u;
inline constexpr uint32_t kPhiloxKey1 = 0xBB67AE85u;

inline namespace STEEPEST_TARGET {

struct Philox {
    uint32_t word[4];
};

STEEPEST_HD STEEPEST_INLINE uint32_t philox_top_word(const Stream& s, uint64_t block) {
    return (s.purpose << 16) | static_cast<uint32_t>(block >> 32);
}

STEEPEST_HD STEEPEST_INLINE void philox_round(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d,
                                              uint32_t key0, uint32_t key1) {
    const uint64_t p = uint64_t{kPhiloxA} * a;
    const uint64_t q = uint64_t{kPhiloxC} * c;
    a = static_cast<uint32_t>(q >> 32) ^ b ^ key0;
    b = static_cast<uint32_t>(q);
    c = static_cast<uint32_t>(p >> 32) ^ d ^ key1;
    d = static_cast<uint32_t>(p);
}

// 128 random bits for one value of `block`, the 128-bit counter being
// (block low, tensor, draw, purpose << 16 | block high).
STEEPEST_HD STEEPEST_INLINE Philox philox(const Stream& s, uint64_t block) {
    uint32_t a = static_cast<uint32_t>(block);
    uint32_t b = s.tensor;
    uint32_t c = s.draw;
    uint32_t d = philox_top_word(s, block);
    uint32_t key0 = static_cast<uint32_t>(s.seed);
    uint32_t key1 = static_cast<uint32_t>(s.seed >> 32);
    STEEPEST_UNROLL
    for (int round = 0; round < 10; ++round) {
        philox_round(a, b, c, d, key0, key1);
        key0 += kPhiloxKey0;
        key1 += kPhiloxKey1;
    }
    return {{a, b, c, d}};
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest
