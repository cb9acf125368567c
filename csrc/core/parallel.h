// The only place, with the pool behind it, that knows threads.
#pragma once

#include <cstdint>

#include "core/pool.h"

namespace steepest {

// Sets the floating-point control register to IEEE defaults (round to nearest, denormals kept, no
// traps) and restores the caller's, flags included, at the end.
class FloatingPointGuard {
  public:
    FloatingPointGuard();
    ~FloatingPointGuard();
    FloatingPointGuard(const FloatingPointGuard&) = delete;
    FloatingPointGuard& operator=(const FloatingPointGuard&) = delete;

  private:
    uint64_t saved_;
};

// Threads that a region of `work` elements would use: one for little work, in a forked child and
// inside another parallel region, else what OpenMP offers (OMP_NUM_THREADS, threadpoolctl).
int threads_for(int64_t work);

int max_threads();
void set_max_threads(int n);

// Runs task(context, part, parts) for every part in [0, parts) under the guard above.
void run_parallel(int threads, int parts, Task task, void* context);

template <class F>
void parallel(int threads, int parts, F&& f) {
    run_parallel(
        threads, parts,
        [](void* context, int part, int n) { (*static_cast<F*>(context))(part, n); }, &f);
}

}  // namespace steepest
