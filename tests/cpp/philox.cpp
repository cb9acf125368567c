// Prints Philox blocks for the counters and keys of the published test vectors, and compares the
// wide generator with the plain one around the places where a counter word overflows.
#include <cstdio>

#include "core/philox_wide.h"

using namespace steepest;

namespace {

void print(const Stream& s, uint64_t block) {
    const Philox r = philox(s, block);
    std::printf("%08x %08x %08x %08x\n", r.word[0], r.word[1], r.word[2], r.word[3]);
}

// Lanes of the wide generator that differ from the plain one.
int differences(const Stream& s, uint64_t base) {
    const WidePhilox wide = philox_wide(s, base);
    int found = 0;
    for (int lane = 0; lane < kWideLanes; ++lane) {
        const Philox one = philox(s, base + static_cast<uint64_t>(lane));
        found += wide.low[lane] != (one.word[0] | uint64_t{one.word[1]} << 32);
        found += wide.high[lane] != (one.word[2] | uint64_t{one.word[3]} << 32);
    }
    return found;
}

}  // namespace

int main() {
    print({0, 0, 0, 0}, 0);
    print({~uint64_t{0}, 0xFFFF, ~0u, ~0u}, 0xFFFFFFFFFFFF);
    // Counter 243f6a88 85a308d3 13198a2e 03707344: digits of pi.
    print({0x299f31d0a4093822, 0x0370, 0x13198a2e, 0x85a308d3}, 0x7344243f6a88);
    constexpr uint64_t kStarts[] = {0, (uint64_t{1} << 32) - 32, (uint64_t{1} << 48) - 64};
    int found = 0;
    for (const uint64_t start : kStarts)
        for (uint64_t i = 0; i < 64; i += kWideLanes)
            found += differences({0x123456789abcdef0, 0x201, 7, 9}, start + i);
    std::printf("%d\n", found);
    return 0;
}
