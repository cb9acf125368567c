#include "bindings/peak_loops.h"

#include <atomic>
#include <chrono>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#define STEEPEST_PEAK_OPAQUE(a) asm volatile("" : "+x"(a))
#elif defined(__aarch64__)
#define STEEPEST_PEAK_OPAQUE(a) asm volatile("" : "+w"(a))
#else
#define STEEPEST_PEAK_OPAQUE(a) asm volatile("" : "+m"(a))
#endif

namespace steepest::peak {

using Floats16 = float __attribute__((vector_size(16)));
using Doubles16 = double __attribute__((vector_size(16)));

}  // namespace steepest::peak

// The baseline has no fused instruction: a multiplication and an addition, as its products do.
#define STEEPEST_PEAK_NAME plain_float32
#define STEEPEST_PEAK_TARGET
#define STEEPEST_PEAK_VECTOR Floats16
#define STEEPEST_PEAK_OPERAND Floats16
#define STEEPEST_PEAK_FILL(v) (Floats16{} + (v))
#define STEEPEST_PEAK_STEP(c, a, b) ((c) + (a) * (b))
#include "bindings/peak_loop.h"

#define STEEPEST_PEAK_NAME plain_float64
#define STEEPEST_PEAK_TARGET
#define STEEPEST_PEAK_VECTOR Doubles16
#define STEEPEST_PEAK_OPERAND Doubles16
#define STEEPEST_PEAK_FILL(v) (Doubles16{} + static_cast<double>(v))
#define STEEPEST_PEAK_STEP(c, a, b) ((c) + (a) * (b))
#include "bindings/peak_loop.h"

#if defined(__x86_64__)
#define STEEPEST_PEAK_NAME avx2_float32
#define STEEPEST_PEAK_TARGET __attribute__((target("avx2,fma")))
#define STEEPEST_PEAK_VECTOR __m256
#define STEEPEST_PEAK_OPERAND __m256
#define STEEPEST_PEAK_FILL(v) _mm256_set1_ps(v)
#define STEEPEST_PEAK_STEP(c, a, b) _mm256_fmadd_ps(a, b, c)
#include "bindings/peak_loop.h"

#define STEEPEST_PEAK_NAME avx2_float64
#define STEEPEST_PEAK_TARGET __attribute__((target("avx2,fma")))
#define STEEPEST_PEAK_VECTOR __m256d
#define STEEPEST_PEAK_OPERAND __m256d
#define STEEPEST_PEAK_FILL(v) _mm256_set1_pd(static_cast<double>(v))
#define STEEPEST_PEAK_STEP(c, a, b) _mm256_fmadd_pd(a, b, c)
#include "bindings/peak_loop.h"

#define STEEPEST_PEAK_NAME avx512_float32
#define STEEPEST_PEAK_TARGET __attribute__((target("avx512f")))
#define STEEPEST_PEAK_VECTOR __m512
#define STEEPEST_PEAK_OPERAND __m512
#define STEEPEST_PEAK_FILL(v) _mm512_set1_ps(v)
#define STEEPEST_PEAK_STEP(c, a, b) _mm512_fmadd_ps(a, b, c)
#include "bindings/peak_loop.h"

#define STEEPEST_PEAK_NAME avx512_float64
#define STEEPEST_PEAK_TARGET __attribute__((target("avx512f")))
#define STEEPEST_PEAK_VECTOR __m512d
#define STEEPEST_PEAK_OPERAND __m512d
#define STEEPEST_PEAK_FILL(v) _mm512_set1_pd(static_cast<double>(v))
#define STEEPEST_PEAK_STEP(c, a, b) _mm512_fmadd_pd(a, b, c)
#include "bindings/peak_loop.h"

#define STEEPEST_PEAK_NAME avx512_bfloat16
#define STEEPEST_PEAK_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define STEEPEST_PEAK_VECTOR __m512
#define STEEPEST_PEAK_OPERAND __m512bh
#define STEEPEST_PEAK_FILL(v) _mm512_cvtne2ps_pbh(_mm512_set1_ps(v), _mm512_set1_ps(v))
#define STEEPEST_PEAK_STEP(c, a, b) _mm512_dpbf16_ps(c, a, b)
#include "bindings/peak_loop.h"
#endif

namespace steepest::peak {
namespace {

template <class Value>
constexpr int64_t operations_of(int chains, int vector_bytes, int terms = 1) {
    return int64_t{2} * chains * terms * (vector_bytes / static_cast<int>(sizeof(Value)));
}

constexpr Loop kLoops[] = {
    {"baseline", "float32", "multiply and add, 128 bits", plain_float32::run,
     operations_of<float>(plain_float32::kChains, 16)},
    {"baseline", "float64", "multiply and add, 128 bits", plain_float64::run,
     operations_of<double>(plain_float64::kChains, 16)},
#if defined(__x86_64__)
    {"avx2", "float32", "fma, 256 bits", avx2_float32::run,
     operations_of<float>(avx2_float32::kChains, 32)},
    {"avx2", "float64", "fma, 256 bits", avx2_float64::run,
     operations_of<double>(avx2_float64::kChains, 32)},
    {"avx512", "float32", "fma, 512 bits", avx512_float32::run,
     operations_of<float>(avx512_float32::kChains, 64)},
    {"avx512", "float64", "fma, 512 bits", avx512_float64::run,
     operations_of<double>(avx512_float64::kChains, 64)},
    {"avx512bf16", "bfloat16", "bf16 dot product, 512 bits", avx512_bfloat16::run,
     operations_of<float>(avx512_bfloat16::kChains, 64, 2)},
    {"avx512bf16", "float32", "fma, 512 bits", avx512_float32::run,
     operations_of<float>(avx512_float32::kChains, 64)},
    {"avx512bf16", "float64", "fma, 512 bits", avx512_float64::run,
     operations_of<double>(avx512_float64::kChains, 64)},
#endif
};

// What the loops compute ends here, where the compiler must assume that somebody looks.
std::atomic<float> sink = 0;

}  // namespace

const Loop* find(const char* target, const char* dtype) {
    for (const Loop& loop : kLoops)
        if (std::strcmp(target, loop.target) == 0 && std::strcmp(dtype, loop.dtype) == 0)
            return &loop;
    return nullptr;
}

double seconds_of(const Loop& loop, int64_t rounds, [[maybe_unused]] int threads) {
    const auto start = std::chrono::steady_clock::now();
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1) num_threads(threads)
#endif
    for (int t = 0; t < threads; ++t) sink.store(loop.run(rounds, 0.7f), std::memory_order_relaxed);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace steepest::peak
