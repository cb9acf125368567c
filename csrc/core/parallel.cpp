#include "core/parallel.h"

#include <atomic>
#include <thread>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define STEEPEST_HAS_FORK 1
#endif
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steepest {
namespace {

// Below this many elements waking a second thread costs more than it saves (measured: 16k
// elements).
constexpr int64_t kSerialWork = 16384;

// Threads do not survive fork(): a child that waited for them would wait for ever.
std::atomic<bool> forked{false};

#if defined(STEEPEST_HAS_FORK)
const int registered = pthread_atfork(nullptr, nullptr, [] { forked.store(true); });
#endif

#if defined(__SSE2__)
constexpr unsigned kIeeeDefaults = 0x1F80;
uint64_t read_control() { return _mm_getcsr(); }
void write_control(uint64_t value) { _mm_setcsr(static_cast<unsigned>(value)); }
uint64_t ieee_control(uint64_t) { return kIeeeDefaults; }
#elif defined(__aarch64__)
uint64_t read_control() {
    uint64_t value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
}
void write_control(uint64_t value) { asm volatile("msr fpcr, %0" : : "r"(value)); }
uint64_t ieee_control(uint64_t) { return 0; }
#else
uint64_t read_control() { return 0; }
void write_control(uint64_t) {}
uint64_t ieee_control(uint64_t value) { return value; }
#endif

}  // namespace

FloatingPointGuard::FloatingPointGuard() : saved_(read_control()) {
    write_control(ieee_control(saved_));
}

FloatingPointGuard::~FloatingPointGuard() { write_control(saved_); }

#if !defined(_OPENMP)
thread_local int thread_setting = 0;
#endif

// OpenMP's runtime keeps the setting, for OMP_NUM_THREADS and threadpoolctl to find; it runs
// nothing here.
int max_threads() {
#if defined(_OPENMP)
    return omp_get_max_threads();
#else
    if (thread_setting > 0) return thread_setting;
    const unsigned processors = std::thread::hardware_concurrency();
    return processors ? static_cast<int>(processors) : 1;
#endif
}

void set_max_threads(int n) {
#if defined(_OPENMP)
    omp_set_num_threads(n);
#else
    thread_setting = n;
#endif
}

int threads_for(int64_t work) {
    if (work < kSerialWork || forked.load(std::memory_order_relaxed) || is_in_region()) return 1;
#if defined(_OPENMP)
    if (omp_in_parallel()) return 1;
#endif
    const int64_t most = work / (kSerialWork / 2);
    const int64_t offered = max_threads();
    return static_cast<int>(offered < most ? offered : most);
}

void run_parallel(int threads, int parts, Task task, void* context) {
    FloatingPointGuard guard;
    if (threads > 1 && parts > 1) {
        run_on_pool(threads, parts, task, context);
        return;
    }
    for (int part = 0; part < parts; ++part) task(context, part, parts);
}

}  // namespace steepest
