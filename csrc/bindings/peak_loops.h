// Loops of the multiply-add of each type alone, on registers: what no product can exceed. Without
// pybind11, so that the C++ microbenchmarks have them too.
#pragma once

#include <cstdint>

namespace steepest::peak {

// The loop of a type on a CPU target.
struct Loop {
    const char* target;
    const char* dtype;
    const char* name;
    float (*run)(int64_t, float);
    int64_t operations;  // of a round
};

// That of a CPU target, for float32, float64 and, where it has an instruction for it, bfloat16;
// else null.
const Loop* find(const char* target, const char* dtype);

// Of `rounds` on each of so many threads.
double seconds_of(const Loop& loop, int64_t rounds, int threads);

}  // namespace steepest::peak
