// The arrays of a call: each in memory of its own that ends with its last byte, see room.h, and
// with a copy to tell whether it was written.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "bytes.h"
#include "room.h"

namespace fuzz {

#define FUZZ_REQUIRE(condition) fuzz::require((condition), #condition, __FILE__, __LINE__)

inline void require(bool held, const char* text, const char* file, int line) {
    if (held) return;
    std::fprintf(stderr, "does not hold: %s at %s:%d\n", text, file, line);
    std::abort();
}

inline size_t size_of(int32_t dtype) {
    return dtype == STEEPEST_F64 ? 8 : dtype == STEEPEST_F32 ? 4 : dtype < 0 || dtype > 3 ? 8 : 2;
}

enum class Access { read, write };

class Memory {
  public:
    explicit Memory(Bytes& bytes) : bytes_(bytes) {}
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    // `count` numbers at an address that is a multiple of their size, if `misplaced` does not say
    // otherwise, but of 64 only now and then.
    void* numbers(int64_t count, int32_t dtype, Access access, size_t misplaced = 0) {
        const size_t item = size_of(dtype);
        char* data = take(static_cast<size_t>(count) * item, item, misplaced, access);
        fill(data, count, dtype);
        return data;
    }

    double* doubles(int64_t count) {
        return static_cast<double*>(numbers(count, STEEPEST_F64, Access::write));
    }

    // Bytes of any value.
    char* raw(int64_t size, Access access) {
        char* data = take(static_cast<size_t>(size), 1, 0, access);
        Random random(bytes_.byte());
        for (int64_t i = 0; i < size; ++i) data[i] = static_cast<char>(random.next());
        return data;
    }

    // Of which nothing is expected; aligned to 64 bytes but for the shift.
    void* workspace(size_t size, size_t shift) {
        blocks_.push_back({Room(size, 0, 64, shift, false), 0, Access::write, {}});
        return blocks_.back().room.data;
    }

    void remember() {
        for (Block& b : blocks_) b.before.assign(b.room.data, b.room.data + b.size);
    }

    // What is only read keeps its bytes, and after a refusal so does everything.
    void require_unchanged(bool refused) const {
        for (const Block& b : blocks_)
            if (refused || b.access == Access::read)
                FUZZ_REQUIRE(b.size == 0 || std::memcmp(b.room.data, b.before.data(), b.size) == 0);
    }

  private:
    struct Block {
        Room room;
        size_t size;
        Access access;
        std::vector<char> before;
    };

    // SplitMix64.
    struct Random {
        explicit Random(uint64_t seed) : state(seed) {}
        uint64_t state;
        uint64_t next() {
            uint64_t x = state += 0x9E3779B97F4A7C15;
            x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
            x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
            return x ^ (x >> 31);
        }
    };

    char* take(size_t size, size_t item, size_t misplaced, Access access) {
        const size_t phase = bytes_.byte() % 16;
        blocks_.push_back(
            {Room(size, phase * item, item, misplaced, phase == 15), size, access, {}});
        return blocks_.back().room.data;
    }

    // Zeros, ordinary numbers, ones between huge and tiny, or random bits with NaNs among them.
    void fill(char* data, int64_t count, int32_t dtype) {
        const size_t item = size_of(dtype);
        const int kind = bytes_.byte() % 8;
        Random random(bytes_.byte());
        for (int64_t i = 0; i < count; ++i) {
            const uint64_t bits = kind == 7   ? 0
                                  : kind == 6 ? random.next()
                                              : ordinary(random.next(), dtype, kind == 5);
            std::memcpy(data + static_cast<size_t>(i) * item, &bits, item);  // little-endian
        }
    }

    // The bits of a number of a size around 1, or of any size.
    static uint64_t ordinary(uint64_t random, int32_t dtype, bool any_size) {
        const int fraction = dtype == STEEPEST_F64   ? 52
                             : dtype == STEEPEST_F32 ? 23
                             : dtype == STEEPEST_F16 ? 10
                                                     : 7;
        const int exponents = dtype == STEEPEST_F64 ? 11 : dtype == STEEPEST_F16 ? 5 : 8;
        const uint64_t most = (uint64_t{1} << exponents) - 2, bias = most / 2;
        const uint64_t exponent = any_size ? (random >> 52) % (most + 1) : bias - (random >> 61);
        const uint64_t low = random & ((uint64_t{1} << fraction) - 1);
        const uint64_t sign = (random >> 60) & 1;
        return sign << (fraction + exponents) | exponent << fraction | low;
    }

    Bytes& bytes_;
    std::vector<Block> blocks_;
};

}  // namespace fuzz
