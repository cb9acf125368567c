// Counts the elements whose line and position in device code are not what divisions give: around
// the ends of lines and matrices, of small tensors whole, and of the largest that may be.
#include <cstdio>
#include <initializer_list>

#include "steps/device/places.h"

using namespace steepest::device;

namespace {

Axes axes_of(int64_t outer, int64_t inner) {
    Axes a{};
    a.outer = outer;
    a.inner = inner;
    a.outer_inverse = ~uint64_t{0} / static_cast<uint64_t>(outer);
    a.inner_inverse = ~uint64_t{0} / static_cast<uint64_t>(inner);
    return a;
}

bool is_at(const Walk& walk, const Axes& a, int64_t element) {
    const int64_t line = element / a.inner;
    return walk.at.line == line && walk.left == a.inner - element % a.inner &&
           walk.at.position == line / a.outer * a.inner + element % a.inner;
}

// Of eight neighbours, each found by itself and on the way from the first.
int wrong(const Axes& a, int64_t first) {
    int found = 0;
    Walk walk(a, first);
    for (int64_t i = first; i < first + 8; ++i, walk.step())
        found += !is_at(walk, a, i) + !is_at(Walk(a, i), a, i);
    return found;
}

}  // namespace

int main() {
    constexpr int64_t kMost = int64_t{1} << 60;
    constexpr int64_t kSides[] = {1,
                                  2,
                                  3,
                                  5,
                                  7,
                                  1000,
                                  4097,
                                  (int64_t{1} << 31) - 1,
                                  int64_t{1} << 32,
                                  (int64_t{1} << 40) + 1,
                                  kMost / 3};
    int found = 0;
    long checked = 0;
    for (const int64_t outer : kSides)
        for (const int64_t inner : kSides) {
            const Axes a = axes_of(outer, inner);
            for (int64_t i = 0; i < 64; ++i) found += wrong(a, i);
            for (int64_t near = 1; near < kMost / 2; near = near * 5 / 2 + 1)
                for (const int64_t unit : {int64_t{1}, inner})
                    if (near < kMost / 2 / unit) {
                        const int64_t at = near * unit;
                        found += wrong(a, at > 4 ? at - 4 : 0);
                        ++checked;
                    }
        }
    std::printf("%d %d\n", found, checked > 1000);
}
