// The k-th largest key, and where what is kept goes.
#include "distributed/choice.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace steepest::distributed {

void Choice::lay_out(int64_t count, int64_t kept, bool wide, Arena& arena) {
    count_ = count;
    kept_ = kept;
    wide_ = wide;
    // Only those parts are touched that candidates need.
    keys_ = arena.take<char>(count * (wide ? 8 : 4));
    at_ = arena.take<uint16_t>(count);
    runs_ = arena.take<BlockRun>(blocks());
    histogram_ = arena.take<int64_t>(kDigits);
}

void Choice::start(int64_t least) {
    least_ = least;
    anew_ = false;
    begin();
}

bool Choice::starts_anew() {
    anew_ = found_ < kept_;
    if (!anew_) return false;
    least_ = lowest();
    begin();
    return true;
}

void Choice::begin() {
    found_ = 0;
    digits_ = known_ = 0;
    wanted_ = kept_;
    shift_ = wide_ ? 56 : 24;
    settled_ = false;
    std::fill_n(histogram_, kDigits, 0);
}

int64_t Choice::least_of_random() const {
    const double kept = static_cast<double>(kept_);
    const double share = (kept + 8 * std::sqrt(kept) + 16) / static_cast<double>(count_);
    if (share >= 1) return lowest();
    const auto word = static_cast<int64_t>((1 - share) * 0x1p32);
    return word + lowest();
}

// Of so many sampled keys this one, counted from the largest, has more than kept_ others before it
// in the tensor, unless the sample tells little about it.
int64_t Choice::sample_rank(int64_t size) const {
    const double rank =
        static_cast<double>(kept_) / static_cast<double>(count_) * static_cast<double>(size);
    return static_cast<int64_t>(1.25 * rank + 4 * std::sqrt(rank) + 8);
}

int64_t Choice::largest_of_sample(int64_t size, int64_t rank) {
    const auto find = [&](auto* keys) -> int64_t {
        std::nth_element(keys, keys + rank, keys + size, std::greater<>());
        return keys[rank];
    };
    return wide_ ? find(reinterpret_cast<int64_t*>(keys_))
                 : find(reinterpret_cast<int32_t*>(keys_));
}

void Choice::tally(int64_t begin, int64_t end) {
    int64_t counts[kDigits] = {};
    for (int64_t block = begin / kBlock; block * kBlock < end; ++block) {
        const BlockRun& run = runs_[block];
        for (int64_t i = run.start; i < run.start + run.found; ++i) {
            const uint64_t key = ordered(i);
            if ((key & known_) == digits_) ++counts[(key >> shift_) % kDigits];
        }
    }
    for (int d = 0; d < kDigits; ++d)
        if (counts[d]) __atomic_fetch_add(histogram_ + d, counts[d], __ATOMIC_RELAXED);
}

void Choice::settle() {
    int digit = kDigits - 1;
    for (; histogram_[digit] < wanted_; --digit) wanted_ -= histogram_[digit];
    digits_ |= static_cast<uint64_t>(digit) << shift_;
    known_ |= static_cast<uint64_t>(kDigits - 1) << shift_;
    const bool all = histogram_[digit] == wanted_;
    if (all || shift_ == 0) {
        settled_ = true;
        sure_ = all ? digits_ : digits_ + 1;
        if (all) wanted_ = 0;
        return;
    }
    shift_ -= 8;
    std::fill_n(histogram_, kDigits, 0);
}

void Choice::count_kept(int64_t begin, int64_t end) {
    for (int64_t block = begin / kBlock; block * kBlock < end; ++block) {
        BlockRun& run = runs_[block];
        run.sure = run.ties = 0;
        for (int64_t i = run.start; i < run.start + run.found; ++i) {
            const uint64_t key = ordered(i);
            run.sure += key >= sure_;
            run.ties += key == sure_ - 1;
        }
    }
}

void Choice::place() {
    int64_t position = 0, left = wanted_;
    for (int64_t block = 0; block < blocks(); ++block) {
        BlockRun& run = runs_[block];
        run.position = position;
        run.ties = static_cast<int32_t>(std::min<int64_t>(run.ties, left));
        left -= run.ties;
        position += run.sure + run.ties;
    }
}

}  // namespace steepest::distributed
