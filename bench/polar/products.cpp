// The CPU products beside the peak of the multiply-add instruction they are made of, measured in
// the same run: useful GFLOP/s (half of a full product when C is symmetric) and the fraction of the
// peak. Built against the sources, like tests/cpp/products.cpp:
//
//     products [float32 | bfloat16 | float64] [threads]
#include "polar/products.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/codecs/bf16.h"
#include "core/cpu.h"
#include "core/parallel.h"

#if defined(STEEPEST_X86_TARGETS)
#include <immintrin.h>
#endif

namespace {

using namespace steepest;
using namespace steepest::polar;
using Clock = std::chrono::steady_clock;

constexpr int kRepeats = 25;
constexpr double kBurst = 0.004;  // seconds of one measurement
constexpr int64_t kPeakRounds = 10000;

// A probe runs independent chains of multiply-adds, as many as hide the latency and fit into the
// registers, and returns its operations.
using Probe = double (*)();

// `step(s)` updates the sum s by one multiply-add; the empty statement keeps every sum in a
// register and every step in the loop.
#define STEEPEST_STEP(s, step) \
    s = step(s);               \
    asm volatile("" : STEEPEST_REGISTER(s));
#define STEEPEST_FOUR(s, step) \
    STEEPEST_STEP(s##0, step)  \
    STEEPEST_STEP(s##1, step) STEEPEST_STEP(s##2, step) STEEPEST_STEP(s##3, step)
#define STEEPEST_PROBE(name, attribute, V, lanes, chains, step)                   \
    attribute double name() {                                                     \
        V x = {}, a0 = x, a1 = x, a2 = x, a3 = x, b0 = x, b1 = x, b2 = x, b3 = x; \
        V c0 = x, c1 = x, c2 = x, c3 = x, d0 = x, d1 = x, d2 = x, d3 = x;         \
        for (int64_t r = 0; r < kPeakRounds; ++r) {                               \
            STEEPEST_FOUR(a, step)                                                \
            STEEPEST_FOUR(b, step)                                                \
            STEEPEST_FOUR(c, step)                                                \
            if (chains == 16) {                                                   \
                STEEPEST_FOUR(d, step)                                            \
            }                                                                     \
        }                                                                         \
        return 2.0 * lanes * chains * kPeakRounds;                                \
    }

#if defined(STEEPEST_X86_TARGETS)
#define STEEPEST_REGISTER(x) "+v"(x)
#define STEEPEST_TARGET_OF(t) __attribute__((target(t)))
#define STEEPEST_DOT(sum) \
    _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh&>(x), reinterpret_cast<__m512bh&>(x))
#define STEEPEST_F512(sum) _mm512_fmadd_ps(x, x, sum)
#define STEEPEST_D512(sum) _mm512_fmadd_pd(x, x, sum)
#define STEEPEST_F256(sum) _mm256_fmadd_ps(x, x, sum)
#define STEEPEST_D256(sum) _mm256_fmadd_pd(x, x, sum)
STEEPEST_PROBE(fma_512, STEEPEST_TARGET_OF("avx512f"), __m512, 16, 16, STEEPEST_F512)
STEEPEST_PROBE(fma_512d, STEEPEST_TARGET_OF("avx512f"), __m512d, 8, 16, STEEPEST_D512)
STEEPEST_PROBE(fma_256, STEEPEST_TARGET_OF("avx2,fma"), __m256, 8, 12, STEEPEST_F256)
STEEPEST_PROBE(fma_256d, STEEPEST_TARGET_OF("avx2,fma"), __m256d, 4, 12, STEEPEST_D256)
STEEPEST_PROBE(dot_512, STEEPEST_TARGET_OF("avx512f,avx512bf16"), __m512, 32, 16, STEEPEST_DOT)
#else
#define STEEPEST_REGISTER(x) "+w"(x)
#endif
typedef float Float4 __attribute__((vector_size(16)));
typedef double Double2 __attribute__((vector_size(16)));
#define STEEPEST_PLAIN(sum) (sum * x + sum)
STEEPEST_PROBE(plain_128, , Float4, 4, 12, STEEPEST_PLAIN)
STEEPEST_PROBE(plain_128d, , Double2, 2, 12, STEEPEST_PLAIN)

Probe probe_of([[maybe_unused]] cpu::Target target, Type type) {
#if defined(STEEPEST_X86_TARGETS)
    if (target == cpu::Target::avx512bf16 && type == Type::bf16) return dot_512;
    if (target >= cpu::Target::avx512) return type == Type::f64 ? fma_512d : fma_512;
    if (target == cpu::Target::avx2) return type == Type::f64 ? fma_256d : fma_256;
#endif
    return type == Type::f64 ? plain_128d : plain_128;
}

template <class F>
double seconds(F&& f) {
    const auto start = Clock::now();
    f();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// GFLOP/s of all threads together.
double peak(Probe probe, int threads) {
    double operations = 0;
    const double time = seconds([&] {
        parallel(threads, 8 * threads, [&](int part, int) {
            const double n = probe();
            if (part == 0) operations = n;
        });
    });
    return 8 * threads * operations / time * 1e-9;
}

struct Array {
    std::vector<char> bytes;
    Batch batch;

    Array(int64_t rows, int64_t cols, Type type)
        : bytes(static_cast<size_t>(rows * cols * (type == Type::f64 ? 8 : 4)) + 64) {
        char* data = bytes.data() + (64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64) % 64;
        batch = {{data, rows, cols, cols, type}, 1, 0};
        uint32_t state = 1;
        for (int64_t i = 0; i < rows * cols; ++i) {
            state = state * 1664525u + 1013904223u;
            const float v = static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
            if (type == Type::f64) reinterpret_cast<double*>(data)[i] = v;
            if (type == Type::f32) reinterpret_cast<float*>(data)[i] = v;
            if (type == Type::bf16) reinterpret_cast<uint16_t*>(data)[i] = Bf16::nearest(v);
        }
    }
};

// Best bursts of the product and of the peak, in turns, since others may use the processor too.
template <class F>
void report(const char* name, int64_t n, int64_t k, double operations, Probe probe, F&& product) {
    product();
    const int calls = static_cast<int>(std::max(1.0, kBurst / seconds(product)));
    double rate = 0, most = 0;
    for (int i = 0; i < kRepeats; ++i) {
        most = std::max(most, peak(probe, max_threads()));
        const double time = seconds([&] {
            for (int c = 0; c < calls; ++c) product();
        });
        rate = std::max(rate, calls * operations / time * 1e-9);
    }
    std::printf("%-18s n %5ld k %5ld  %8.1f GFLOP/s of %8.1f  %5.1f %%\n", name,
                static_cast<long>(n), static_cast<long>(k), rate, most, 100 * rate / most);
    std::fflush(stdout);
}

void measure(Type type, int64_t n, int64_t k, Probe probe) {
    const Array a(n, k, type), b(k, n, type);
    Array c(n, n, type);
    std::vector<char> memory(scratch_bytes(a.batch, c.batch) + 64);
    char* base = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
    const Arena scratch(base, memory.size() - 64);
    const double full =
        2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(k);
    const Update update{1, 0, 0};
    report("A A^T", n, k, full / 2, probe,
           [&] { symmetric(a.batch, update, nullptr, c.batch, scratch); });
    if (n == k)
        report("A B, symmetric", n, k, full / 2, probe,
               [&] { symmetric_product(a.batch, b.batch, update, nullptr, c.batch, scratch); });
    report("A B", n, k, full, probe,
           [&] { general(a.batch, b.batch, update, nullptr, c.batch, scratch); });
}

}  // namespace

int main(int count, char** arguments) {
    const char* wanted = count > 1 ? arguments[1] : "";
    if (count > 2) set_max_threads(std::atoi(arguments[2]));
    cpu::Target target;
    if (!cpu::active(target)) return 1;
    const char* names[] = {"float32", "float64", "bfloat16"};
    for (Type type : {Type::f32, Type::bf16, Type::f64}) {
        const char* name = names[static_cast<int>(type)];
        if (*wanted && std::strcmp(wanted, name) != 0) continue;
        const Probe probe = probe_of(target, type);
        std::printf("%s, %s, %d threads\n", cpu::name(target), name, max_threads());
        for (int64_t n : {128, 256, 512, 1024, 2048})
            for (int64_t k : {n, 4 * n}) measure(type, n, k, probe);
    }
    return 0;
}
