// Every part of every region runs exactly once and before its region ends, with regions of changing
// shape from several callers at a time. Meant for the thread sanitizer too.
#include <atomic>
#include <cstdio>
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
    std::atomic<int> wrong{failures(2000, 1)};
    std::vector<std::thread> callers;
    for (unsigned c = 0; c < 3; ++c)
        callers.emplace_back([&wrong, c] { wrong += failures(1000, c + 2); });
    for (auto& caller : callers) caller.join();
    std::printf("%d parts went wrong\n", wrong.load());
    return wrong.load() ? 1 : 0;
}
