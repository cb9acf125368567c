// Which k elements of a tensor are kept: those of the largest keys, of equal ones the first. The
// choice does not depend on how the tensor is cut into pieces, nor on the guess that it starts
// with.
//
// Elements whose key may be large enough become candidates, in the order of the elements. Then the
// k-th largest key of them is found, 8 bits at a time from the highest, and the candidates are gone
// through once more.
#pragma once

#include <cstdint>

#include "core/arena.h"
#include "core/reduce.h"
#include "distributed/ef21_table.h"
#include "distributed/kernel_table.h"

namespace steepest::distributed {

inline constexpr int kDigits = 256;

// The candidates of a block of kBlock elements, and how many of them are kept.
struct BlockRun {
    int64_t start;  // in the candidates of the tensor
    int32_t found;
    int32_t sure;      // above the k-th largest key
    int32_t ties;      // equal to it: once placed, how many of these are kept
    int64_t position;  // of the first one that is kept, among all that are
};

class Choice {
  public:
    // Of kept <= count <= 2^32 elements; keys are of 4 bytes, or of 8 if `wide`.
    void lay_out(int64_t count, int64_t kept, bool wide, Arena& arena);

    int64_t count() const { return count_; }
    int64_t kept() const { return kept_; }
    // One thread does it all, with the tensor in its cache.
    bool is_small() const { return count_ <= kSmall; }

    // The guess: candidates have at least this key.
    int64_t least() const { return least_; }
    void start(int64_t least);
    // From the keys of random words; with it too few candidates are found once in 10^14 times.
    int64_t least_of_random() const;
    // From a sample: find(first, n, least, place, to) finds candidates among n elements.
    template <class Find>
    int64_t least_of_sample(Find&& find);

    // Finds the candidates of elements [begin, end) as above; begin is a multiple of kBlock.
    template <class Find>
    void collect(int64_t begin, int64_t end, Find&& find);
    // Where there are too few, starts once more, with all elements as candidates, and is_anew.
    bool starts_anew();
    bool is_anew() const { return anew_; }
    int64_t lowest() const { return wide_ ? INT64_MIN : INT32_MIN; }

    // One digit of the k-th largest key.
    bool is_settled() const { return settled_; }
    void tally(int64_t begin, int64_t end);
    void settle();

    // Where the elements that are kept go: counts in pieces, then places all blocks.
    void count_kept(int64_t begin, int64_t end);
    void place();
    // take(element, position) for those in [begin, end).
    template <class Take>
    void each_kept(int64_t begin, int64_t end, Take&& take) const;

  private:
    void begin();

    static constexpr int64_t kSmall = 65536;
    static constexpr int64_t kSampled = 1024;  // fewer elements are all candidates
    static constexpr int64_t kMostSampleTiles = 64;

    char* keys_at(int64_t i) const { return keys_ + i * (wide_ ? 8 : 4); }
    // A key without its sign, in the same order.
    uint64_t ordered(int64_t i) const {
        if (wide_) return reinterpret_cast<const uint64_t*>(keys_)[i] ^ (uint64_t{1} << 63);
        return reinterpret_cast<const uint32_t*>(keys_)[i] ^ (uint32_t{1} << 31);
    }
    int64_t blocks() const { return (count_ + kBlock - 1) / kBlock; }
    int64_t sample_rank(int64_t size) const;
    int64_t largest_of_sample(int64_t size, int64_t rank);

    int64_t count_, kept_;
    bool wide_;
    char* keys_;
    uint16_t* at_;
    BlockRun* runs_;
    int64_t* histogram_;

    int64_t least_, found_;
    bool anew_;
    // Of the k-th largest key: the digits so far, `wanted_` among the keys that have them.
    uint64_t digits_, known_;
    int64_t wanted_;
    int shift_;
    bool settled_;
    uint64_t sure_;  // keys of at least this are kept, and `wanted_` of the ones just below
};

template <class Find>
int64_t Choice::least_of_sample(Find&& find) {
    if (count_ < kSampled) return lowest();
    const int64_t tiles = count_ / kTile;
    const int64_t part = tiles < 8 ? 1 : tiles / 8;
    const int64_t taken = part < kMostSampleTiles ? part : kMostSampleTiles;
    const int64_t rank = sample_rank(taken * kTile);
    if (rank >= taken * kTile) return lowest();
    for (int64_t i = 0; i < taken; ++i)
        find(tiles * i / taken * kTile, kTile, lowest(), 0,
             Found{keys_at(i * kTile), at_ + i * kTile});
    return largest_of_sample(taken * kTile, rank);
}

template <class Find>
void Choice::collect(int64_t begin, int64_t end, Find&& find) {
    int64_t to = begin;
    for (int64_t first = begin; first < end; first += kBlock) {
        const int64_t size = end - first < kBlock ? end - first : kBlock;
        BlockRun& run = runs_[first / kBlock];
        run.start = to;
        for (int64_t at = 0; at < size; at += kTile)
            to += find(first + at, size - at < kTile ? size - at : kTile, least_,
                       static_cast<int32_t>(at), Found{keys_at(to), at_ + to});
        run.found = static_cast<int32_t>(to - run.start);
    }
    __atomic_fetch_add(&found_, to - begin, __ATOMIC_RELAXED);
}

template <class Take>
void Choice::each_kept(int64_t begin, int64_t end, Take&& take) const {
    for (int64_t first = begin; first < end; first += kBlock) {
        const BlockRun& run = runs_[first / kBlock];
        int64_t position = run.position, ties = run.ties;
        for (int64_t i = run.start; i < run.start + run.found; ++i) {
            const uint64_t key = ordered(i);
            if (key >= sure_ || (key == sure_ - 1 && ties-- > 0)) take(first + at_[i], position++);
        }
    }
}

}  // namespace steepest::distributed
