// Every part of every region runs exactly once and before its region ends, with regions of changing
// shape from several callers at a time; what parts throw reaches the caller once nothing runs, and
// the next region is as if nothing had been. Meant for the thread sanitizer too.
#include <atomic>
#include <cstdio>
#include <new>
#include <thread>
#include <vector>

#include "core/pool.h"

namespace {

struct Counts {
    std::atomic<int> runs[64];
    int plain[64];  // written without atomics: the end of a region must make it visible
};

void count(void* context, int part, int) {
    auto* c = static_cast<Counts*>(context);
    c->runs[part].fetch_add(1, std::memory_order_relaxed);
    c->plain[part] += 1;
}

struct Thrower {
    unsigned throwing;  // a bit for each part
    std::atomic<int> running{0};
};

void count_or_throw(void* context, int part, int) {
    auto* t = static_cast<Thrower*>(context);
    t->running.fetch_add(1);
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    t->running.fetch_sub(1);
    if (t->throwing >> part & 1) throw std::bad_alloc();
}

// Every set of throwing parts, on workers and on the caller.
int lost_exceptions() {
    int wrong = 0;
    for (unsigned throwing = 0; throwing < 64; ++throwing) {
        Thrower thrower{throwing};
        bool caught = false;
        try {
            steepest::run_on_pool(3, 6, count_or_throw, &thrower);
        } catch (const std::bad_alloc&) {
            caught = true;
        }
        wrong +=
            caught != (throwing != 0) || thrower.running.load() != 0 || steepest::is_in_region();
    }
    return wrong;
}

int failures(int regions, unsigned seed) {
    int wrong = 0;
    for (int r = 0; r < regions; ++r) {
        seed = seed * 1664525u + 1013904223u;
        const int threads = 1 + static_cast<int>(seed >> 28) % 6;
        const int parts = 1 + static_cast<int>(seed >> 20) % 64;
        Counts counts{};
        steepest::run_on_pool(threads, parts, count, &counts);
        for (int p = 0; p < 64; ++p) {
            const int expected = p < parts ? 1 : 0;
            wrong += counts.runs[p].load() != expected || counts.plain[p] != expected;
        }
        // Long enough, now and then, for the workers to fall asleep.
        if (r % 100 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
    return wrong;
}

}  // namespace

int main() {
    std::atomic<int> wrong{failures(2000, 1) + lost_exceptions()};
    std::vector<std::thread> callers;
    for (unsigned c = 0; c < 3; ++c)
        callers.emplace_back([&wrong, c] { wrong += failures(1000, c + 2) + lost_exceptions(); });
    for (auto& caller : callers) caller.join();
    std::printf("%d parts went wrong\n", wrong.load());
    return wrong.load() ? 1 : 0;
}
