// The sums of rows on the CPU, and what rules make of them: see steps/row_parts.h.
#include <algorithm>

#include "steps/driver.h"
#include "steps/items.h"
#include "steps/jobs.h"
#include "steps/row_parts.h"
#include "steps/tiles.h"

namespace steepest {
namespace {

RowParts parts_of(const Geometry& g) { return {g.rows, g.cols, g.column_major}; }

constexpr int64_t kMostRows = kTile;  // of a chunk, a power of two

// Rows that are handled together: a node of the tree over rows. Short ones are many, as they leave
// less to keep.
int64_t rows_in_chunk(const RowParts& parts) {
    constexpr int64_t kElements = 16384;
    int64_t rows = kMostRows;
    while (rows > 1 && parts.cols > kElements / rows) rows /= 2;
    return rows;
}

// The work on one tensor. `part` holds the sums of blocks term after term, `term` likewise what is
// summed over the rows of chunks.
struct Rows {
    const Job& job;
    const StepKernels& kernels;
    RowParts parts;
    int64_t together, chunks;
    double* part;
    double* term;

    Rows(const Job& of, const StepKernels& with, double* scratch)
        : job(of),
          kernels(with),
          parts(parts_of(of.geometry)),
          together(rows_in_chunk(parts)),
          chunks(divide_up(parts.rows, together)),
          part(scratch),
          term(scratch + of.rule->row_terms * parts.size()) {}

    const void* constants() const { return job.settings->constants; }
    int64_t rows_of(int64_t chunk) const {
        return std::min(together, parts.rows - chunk * together);
    }
    // The sums of rows from one on, once their blocks are folded.
    RowSums sums_from(int64_t row) const {
        return {part + parts.at(row, 0), parts.column_major ? 1 : parts.blocks, parts.size()};
    }
};

// Adds the terms of n elements from `first` on to the lanes.
void reduce(const Rows& r, Tiles& tiles, int64_t first, int64_t n, double* lanes) {
    for (int s = 0; s + 1 < r.job.streams; ++s) tiles.load_stream(s, first, n);
    const ReduceFn kernel = r.kernels.rule[r.job.rule_id][r.job.is_f64].reduce[r.job.staged];
    kernel(r.constants(), r.job.stage(), tiles.streams(), n, lanes);
}

// One block of a contiguous row.
void sum_block(const Rows& r, Tiles& tiles, int64_t item) {
    const int64_t row = item / r.parts.blocks;
    const int64_t begin = item % r.parts.blocks * kBlock;
    const int64_t end = std::min(begin + kBlock, r.parts.cols);
    alignas(64) double lanes[kMaxTerms * kLanes];
    std::fill_n(lanes, r.job.rule->row_terms * kLanes, 0.0);
    for (int64_t i = begin; i < end; i += kTile)
        reduce(r, tiles, row * r.parts.cols + i, std::min(kTile, end - i), lanes);
    for (int t = 0; t < r.job.rule->row_terms; ++t)
        r.part[t * r.parts.size() + item] = fold_lanes(lanes + t * kLanes);
}

// Rows of which several fit into the lanes.
void sum_short_rows(const Rows& r, Tiles& tiles, int64_t first, int64_t last) {
    const int width = static_cast<int>(r.parts.cols);
    const int most = kLanes / width;
    for (int64_t row = first; row < last; row += most) {
        const int count = static_cast<int>(std::min<int64_t>(most, last - row));
        alignas(64) double lanes[kMaxTerms * kLanes];
        std::fill_n(lanes, r.job.rule->row_terms * kLanes, 0.0);
        reduce(r, tiles, row * width, count * width, lanes);
        for (int t = 0; t < r.job.rule->row_terms; ++t) {
            r.kernels.sum_rows(lanes + t * kLanes, count, width, nullptr);
            std::copy_n(lanes + t * kLanes, count, r.part + t * r.parts.size() + row);
        }
    }
}

// All rows of a chunk, of one block each.
void sum_along(const Rows& r, int64_t chunk) {
    Tiles tiles(r.job, r.kernels);
    const int64_t first = chunk * r.together;
    const int64_t last = first + r.rows_of(chunk);
    if (2 * r.parts.cols <= kLanes) return sum_short_rows(r, tiles, first, last);
    for (int64_t row = first; row < last; ++row) sum_block(r, tiles, row);
}

// One block of columns, of kLanes rows: every lane is a row.
void sum_across(const Rows& r, int64_t item) {
    const int64_t groups = divide_up(r.parts.rows, kLanes);
    const int64_t first = item % groups * kLanes;
    const int64_t block = item / groups;
    const int64_t n = std::min<int64_t>(kLanes, r.parts.rows - first);
    const int64_t last = std::min((block + 1) * kLines, r.parts.cols);
    alignas(64) double lanes[kMaxTerms * kLanes] = {};
    Tiles tiles(r.job, r.kernels);
    for (int64_t col = block * kLines; col < last; ++col)
        reduce(r, tiles, col * r.parts.rows + first, n, lanes);
    for (int t = 0; t < r.job.rule->row_terms; ++t)
        std::copy_n(lanes + t * kLanes, n, r.part + t * r.parts.size() + r.parts.at(first, block));
}

// Folds the blocks of the rows of a chunk, and their terms.
void fold_chunk(const Rows& r, int64_t chunk) {
    const int64_t first = chunk * r.together, n = r.rows_of(chunk);
    for (int t = 0; t < r.job.rule->row_terms && r.parts.blocks > 1; ++t)
        for (int64_t i = 0; i < n; ++i) r.parts.fold(r.part + t * r.parts.size(), first + i);
    double term[kMaxTerms * kMostRows];
    r.job.rule->of_rows[r.job.is_f64](r.constants(), r.sums_from(first), n, term);
    for (int t = 0; t < r.job.rule->terms; ++t)
        r.term[t * r.chunks + chunk] = fold_pairs(term + t * kMostRows, n);
}

void set_values(const Rows& r, int64_t chunk) {
    const int64_t first = chunk * r.together;
    char* values = static_cast<char*>(r.job.axis_new[0]) + first * (r.job.is_f64 ? 8 : 4);
    r.job.rule->row_values[r.job.is_f64](r.constants(), r.sums_from(first), r.rows_of(chunk),
                                         values);
}

void sum_blocks(const Rows& r) {
    if (r.parts.column_major)
        return for_items(divide_up(r.parts.rows, kLanes) * r.parts.blocks, r.job.count,
                         [&](int64_t item) { sum_across(r, item); });
    for_items(r.parts.size(), r.job.count, [&](int64_t item) {
        Tiles tiles(r.job, r.kernels);
        sum_block(r, tiles, item);
    });
}

// The sums of all rows. A chunk of rows of one block is folded while its sums are at hand.
void sum_rows(const Rows& r) {
    if (!r.parts.column_major && r.parts.blocks == 1)
        return for_items(r.chunks, r.job.count, [&](int64_t chunk) {
            sum_along(r, chunk);
            fold_chunk(r, chunk);
        });
    sum_blocks(r);
    for_items(r.chunks, r.parts.size(), [&](int64_t chunk) { fold_chunk(r, chunk); });
}

void run_job(Job& job, const StepKernels& kernels, double* scratch) {
    const Rows r(job, kernels, scratch);
    sum_rows(r);
    double sum[kMaxTerms];
    for (int t = 0; t < job.rule->terms; ++t) sum[t] = fold_pairs(r.term + t * r.chunks, r.chunks);
    job.prepare.sum = sum;
    job.rule->prepare[job.is_f64](job.prepare, job.settings->constants);
    job.prepare.sum = nullptr;
    for_items(r.chunks, r.parts.size(), [&](int64_t chunk) { set_values(r, chunk); });
}

}  // namespace

int64_t row_scratch_size(const HostRule& rule, const Geometry& g) {
    const RowParts parts = parts_of(g);
    return rule.row_terms * parts.size() + rule.terms * divide_up(parts.rows, rows_in_chunk(parts));
}

void run_rows(const Call& call, const StepKernels& kernels) {
    for_jobs(
        call, [](const Job& job) { return job.has_rows() && job.count > 0; },
        [&](Job& job, double* scratch) { run_job(job, kernels, scratch); });
}

}  // namespace steepest
