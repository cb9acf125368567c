// The sums of rows on the CPU, and what rules make of them: see steps/row_parts.h.
#include <algorithm>

#include "steps/driver.h"
#include "steps/items.h"
#include "steps/row_parts.h"
#include "steps/tiles.h"

namespace steepest {
namespace {

RowParts parts_of(const Geometry& g) { return {g.rows, g.cols, g.column_major}; }

// The work on one tensor. `part` holds the sums of blocks term after term, `term` what is summed
// over rows likewise.
struct Rows {
    const Job& job;
    const StepKernels& kernels;
    RowParts parts;
    double* part;
    double* term;

    Rows(const Job& of, const StepKernels& with, double* scratch)
        : job(of),
          kernels(with),
          parts(parts_of(of.geometry)),
          part(scratch),
          term(scratch + of.rule->row_terms * parts.size()) {}

    const void* constants() const { return job.settings->constants; }
    void sums_of(int64_t row, double* sum) const {
        for (int t = 0; t < job.rule->row_terms; ++t)
            sum[t] = parts.total(part + t * parts.size(), row);
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
    int used = 1;
    while (used < kLanes && used < end - begin) used *= 2;
    alignas(64) double lanes[kMaxTerms * kLanes];
    for (int t = 0; t < r.job.rule->row_terms; ++t) std::fill_n(lanes + t * kLanes, used, 0.0);
    for (int64_t i = begin; i < end; i += kTile)
        reduce(r, tiles, row * r.parts.cols + i, std::min(kTile, end - i), lanes);
    for (int t = 0; t < r.job.rule->row_terms; ++t)
        r.part[t * r.parts.size() + item] = fold_lanes(lanes + t * kLanes, used);
}

// Several blocks, of rows that are short.
void sum_along(const Rows& r, int64_t first, int64_t count) {
    Tiles tiles(r.job, r.kernels);
    const int64_t last = std::min(first + count, r.parts.size());
    for (int64_t item = first; item < last; ++item) sum_block(r, tiles, item);
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

// Folds the blocks of one row, and notes its terms.
void fold_row(const Rows& r, int64_t row) {
    double sum[kMaxTerms], term[kMaxTerms];
    for (int t = 0; t < r.job.rule->row_terms; ++t)
        sum[t] = r.parts.fold(r.part + t * r.parts.size(), row);
    r.job.rule->of_row[r.job.is_f64](r.constants(), sum, term);
    for (int t = 0; t < r.job.rule->terms; ++t) r.term[t * r.parts.rows + row] = term[t];
}

void set_value(const Rows& r, int64_t row) {
    double sum[kMaxTerms];
    r.sums_of(row, sum);
    char* value = static_cast<char*>(r.job.axis_new[0]) + row * (r.job.is_f64 ? 8 : 4);
    r.job.rule->row_value[r.job.is_f64](r.constants(), sum, value);
}

// Calls visit(row) for all rows, a tile of them at a time.
template <class Visit>
void for_rows(const Rows& r, Visit&& visit) {
    for_items(divide_up(r.parts.rows, kTile), r.parts.size(), [&](int64_t chunk) {
        const int64_t end = std::min((chunk + 1) * kTile, r.parts.rows);
        for (int64_t row = chunk * kTile; row < end; ++row) visit(row);
    });
}

void run_job(Job& job, const StepKernels& kernels, double* scratch) {
    const Rows r(job, kernels, scratch);
    const int64_t together = divide_up(kBlock, r.parts.cols);
    if (r.parts.column_major)
        for_items(divide_up(r.parts.rows, kLanes) * r.parts.blocks, job.count,
                  [&](int64_t item) { sum_across(r, item); });
    else
        for_items(divide_up(r.parts.size(), together), job.count,
                  [&](int64_t item) { sum_along(r, item * together, together); });
    for_rows(r, [&](int64_t row) { fold_row(r, row); });
    double sum[kMaxTerms];
    for (int t = 0; t < job.rule->terms; ++t)
        sum[t] = fold_pairs(r.term + t * r.parts.rows, r.parts.rows);
    job.prepare.sum = sum;
    job.rule->prepare[job.is_f64](job.prepare, job.settings->constants);
    job.prepare.sum = nullptr;
    for_rows(r, [&](int64_t row) { set_value(r, row); });
}

}  // namespace

int64_t row_scratch_size(const HostRule& rule, const Geometry& g) {
    return rule.row_terms * parts_of(g).size() + rule.terms * g.rows;
}

void run_rows(const Call& call, const StepKernels& kernels) {
    for (int64_t j = 0; j < call.count; ++j) {
        Job& job = call.jobs[j];
        if (job.has_rows() && job.count > 0) run_job(job, kernels, call.axis_scratch);
    }
}

}  // namespace steepest
