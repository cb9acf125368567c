// What a fuzzer's bytes say, read one after the other. Behind their end everything is 0, which
// stands for the ordinary choice, so that a short input is a valid call.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "steepest/steepest.h"

namespace fuzz {

class Bytes {
  public:
    Bytes(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

    uint8_t byte() { return at_ == end_ ? uint8_t{0} : *at_++; }

    // In [0, n), n up to 65536.
    int64_t below(int64_t n) { return (byte() + (n > 256 ? 256 * byte() : 0)) % n; }

    // False where the bytes have ended.
    bool one_in(int n) { return byte() % n == n - 1; }

    template <class T>
    T any() {
        unsigned char raw[sizeof(T)];
        for (unsigned char& b : raw) b = byte();
        T value;
        std::memcpy(&value, raw, sizeof value);
        return value;
    }

    // The ordinary number as a rule, else one at the end of a range or any at all.
    double number(double ordinary) {
        constexpr double kInf = std::numeric_limits<double>::infinity();
        const double others[] = {0,     1,    -1,     kInf,   -kInf, std::nan(""),
                                 1e300, 1e38, 1e-320, 1e-300, 0.5,   2};
        const int choice = byte();
        if (choice < 200) return ordinary;
        return choice < 250 ? others[choice % 12] : any<double>();
    }

    int32_t dtype() { return one_in(64) ? any<int32_t>() : byte() % 4; }

    // The size of a struct: right, or too small, a little or very much.
    size_t struct_size(size_t right) {
        if (!one_in(64)) return right;
        return one_in(2) ? right - 1 : byte() % right;
    }

    void* stream() { return one_in(3) ? STEEPEST_STREAM_EMULATED : nullptr; }

  private:
    const uint8_t* at_;
    const uint8_t* end_;
};

}  // namespace fuzz
