#include "core/pool.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "core/parallel.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steepest {
namespace {

constexpr int kMaxParts = 2047;
constexpr int kMaxThreads = 511;
// How long an idle worker looks for work before it sleeps: about the pause between two steps of a
// list of a thousand tensors, and short for whoever else wants the processor.
constexpr std::chrono::microseconds kPatience{150};

void pause() {
#if defined(__SSE2__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// A region in one word: 44 bits of number, 11 of parts, 9 of threads. The number never comes round.
struct Shape {
    uint64_t word = 0;

    static Shape of(uint64_t id, int parts, int threads) {
        return {id << 20 | static_cast<uint64_t>(parts) << 9 | static_cast<uint64_t>(threads)};
    }
    uint64_t id() const { return word >> 20; }
    int parts() const { return static_cast<int>(word >> 9 & kMaxParts); }
    int threads() const { return static_cast<int>(word & kMaxThreads); }
};

// Pauses until `ready` or until the patience is over.
template <class Ready>
void spin_until(Ready&& ready) {
    constexpr int kBetweenLooks = 64;
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    do {
        for (int i = 0; i < kBetweenLooks; ++i) {
            if (ready()) return;
            pause();
        }
    } while (std::chrono::steady_clock::now() < deadline);
}

thread_local bool in_region = false;

class Pool {
  public:
    void run(int threads, int parts, Task task, void* context) {
        const Hold hold(in_use_);
        if (!hold.held || parts > kMaxParts || threads > kMaxThreads) {
            for (int part = 0; part < parts; ++part) task(context, part, parts);
            return;
        }
        grow(threads - 1);
        task_ = task;
        context_ = context;
        undone_.store(parts, std::memory_order_relaxed);
        const Shape shape = Shape::of(++last_id_, parts, threads);
        shape_.store(shape, std::memory_order_release);
        wake_.store(static_cast<uint32_t>(shape.id()), std::memory_order_release);
        wake_.notify_all();
        work(0, shape);
        const auto done = [&] { return undone_.load(std::memory_order_acquire) == 0; };
        spin_until(done);
        while (!done()) std::this_thread::yield();
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

  private:
    // Taken by one region at a time. Not a mutex, which a region inside a region must not even try.
    struct Hold {
        std::atomic_flag& flag;
        const bool held;

        explicit Hold(std::atomic_flag& f)
            : flag(f), held(!f.test_and_set(std::memory_order_acquire)) {}
        ~Hold() {
            if (held) flag.clear(std::memory_order_release);
        }
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;
    };

    // Each region claims all its parts under its number, and numbers rise, so a worker that comes
    // late to a region finds nothing to claim, whatever runs by then.
    bool claim(int part, uint64_t id) {
        std::atomic<uint64_t>& last = claimed_[static_cast<size_t>(part)];
        uint64_t old = last.load(std::memory_order_relaxed);
        return old < id && last.compare_exchange_strong(old, id, std::memory_order_acq_rel);
    }

    // Starts with the parts whose home this thread is. Task and context stay as they are until all
    // parts are done, so whoever has claimed a part may read them.
    void work(int thread, Shape s) {
        in_region = true;
        const int home = s.parts() * thread / s.threads();
        for (int i = 0; i < s.parts(); ++i) {
            const int part = (home + i) % s.parts();
            if (!claim(part, s.id())) continue;
            try {
                task_(context_, part, s.parts());
            } catch (...) {
                keep_error();
            }
            undone_.fetch_sub(1, std::memory_order_release);
        }
        in_region = false;
    }

    // What a part throws waits for the region's end: a worker has nobody to catch it, and the
    // caller must not leave while others work on what is its own. The first of several counts.
    void keep_error() {
        const Hold hold(error_in_use_);
        if (hold.held && !error_) error_ = std::current_exception();
    }

    void serve(int thread) {
        FloatingPointGuard guard;
        uint32_t seen = 0;
        for (;;) {
            spin_until([&] { return wake_.load(std::memory_order_acquire) != seen; });
            wake_.wait(seen, std::memory_order_acquire);
            const Shape s = shape_.load(std::memory_order_acquire);
            seen = static_cast<uint32_t>(s.id());
            if (thread < s.threads()) work(thread, s);
        }
    }

    // Threads that cannot be had are done without: the caller takes every part that nobody claims.
    void grow(int workers) {
        try {
            for (; workers_ < workers; ++workers_)
                std::thread([this, thread = workers_ + 1] { serve(thread); }).detach();
        } catch (const std::system_error&) {
        }
    }

    std::atomic_flag in_use_ = ATOMIC_FLAG_INIT;
    Task task_ = nullptr;
    void* context_ = nullptr;
    std::atomic<int> undone_{0};
    std::atomic<Shape> shape_{Shape{}};
    std::atomic<uint32_t> wake_{0};
    std::array<std::atomic<uint64_t>, kMaxParts> claimed_{};
    uint64_t last_id_ = 0;
    int workers_ = 0;
    std::atomic_flag error_in_use_ = ATOMIC_FLAG_INIT;
    std::exception_ptr error_;
};

}  // namespace

bool is_in_region() { return in_region; }

void run_on_pool(int threads, int parts, Task task, void* context) {
    static Pool* pool = new Pool;  // outlives every other static: workers may still look at it
    pool->run(threads, parts, task, context);
}

}  // namespace steepest
