// Row and column averages of a rule's axis term, or its maxima. Averages are taken over the same
// fixed tree as all sums: a row is cut into blocks like a tensor; a column is cut into blocks of
// kLines lines, added in order inside a block and in adjacent pairs over blocks. ("Line" is a row,
// or a column of a column-major matrix: what is contiguous.)
#include <algorithm>

#include "core/math.h"
#include "core/reduce.h"
#include "steps/driver.h"
#include "steps/items.h"
#include "steps/jobs.h"
#include "steps/tiles.h"

namespace steepest {
namespace {

// The shape of the work on one tensor.
struct Grid {
    int64_t batch, outer, inner, line_blocks, inner_blocks;

    Grid(const Geometry& g, int64_t count)
        : batch(count / g.size()),
          outer(g.outer()),
          inner(g.inner()),
          line_blocks(divide_up(outer, kLines)),
          inner_blocks(divide_up(inner, kBlock)) {}

    int64_t line_sums() const { return batch * outer * inner_blocks; }
    int64_t across_sums() const { return batch * line_blocks * inner; }
    int64_t items() const { return batch * line_blocks * inner_blocks; }
};

// The gradient of `n` elements from `first` on, decoded and staged, in T.
const void* staged_gradient(const Job& job, const StepKernels& kernels, Tiles& tiles, int64_t first,
                            int64_t n) {
    tiles.load_stream(1, first, n);
    const void* gradient = tiles.streams()[1];
    if (!job.staged) return gradient;
    tiles.load_stream(0, first, n);
    void* out = tiles.scratch(kMaxStreams - 1);  // free: no pass of rows and columns loads it
    kernels.stage[job.is_f64](job.stage(), tiles.streams()[0], gradient, out, n);
    return out;
}

// The largest of n values that are no less than 0; NaN where one is.
double largest(const double* value, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; ++i) most = maximum(most, value[i]);
    return most;
}

// Adds the terms of `n` elements from `first` on to those of their line and positions, or takes
// them into the maxima.
void take_terms(const Job& job, const StepKernels& kernels, Tiles& tiles, int64_t first, int64_t n,
                double* lanes, double* across) {
    const RuleKernels& rule = kernels.rule[job.rule_id][job.is_f64];
    const void* gradient = staged_gradient(job, kernels, tiles, first, n);
    if (!job.has_maxima()) return rule.axis(gradient, n, lanes, across);
    tiles.load_stream(2, first, n);
    tiles.load_stream(3, first, n);
    rule.axis_maxima(gradient, tiles.streams()[2], tiles.streams()[3], n, lanes, across);
}

// A block of at most kLines lines times kBlock elements, and where its sums go.
struct Block {
    int64_t begin, end;   // in a line
    int64_t first, last;  // lines, counted over the batch
    int64_t inner;        // elements of a line
    double* line_sum;     // of line `first`
    int64_t line_stride;  // to that of the next
    double* across;       // of element `begin`

    int64_t at(int64_t line) const { return line * inner + begin; }
    double& sum_of(int64_t line) const { return line_sum[(line - first) * line_stride]; }
};

// Lines of which several fit into the lanes: their terms first, then the sums over both axes.
void sum_short_lines(const Job& job, const StepKernels& kernels, Tiles& tiles, const Block& b) {
    const int width = static_cast<int>(b.inner);
    for (int64_t line = b.first; line < b.last; line += kLanes / width) {
        const int count = static_cast<int>(std::min<int64_t>(kLanes / width, b.last - line));
        alignas(64) double lanes[kLanes] = {};
        alignas(64) double unused[kLanes] = {};
        take_terms(job, kernels, tiles, b.at(line), count * width, lanes, unused);
        (job.has_maxima() ? kernels.largest_rows : kernels.sum_rows)(lanes, count, width, b.across);
        for (int r = 0; r < count; ++r) b.sum_of(line + r) = lanes[r];
    }
}

void sum_line(const Job& job, const StepKernels& kernels, Tiles& tiles, const Block& b,
              int64_t line) {
    alignas(64) double lanes[kLanes] = {};
    const int used = static_cast<int>(std::min<int64_t>(kLanes, b.end - b.begin));
    for (int64_t i = 0; i < b.end - b.begin; i += kTile) {
        const int64_t n = std::min(kTile, b.end - b.begin - i);
        take_terms(job, kernels, tiles, b.at(line) + i, n, lanes, b.across + i);
    }
    (job.has_maxima() ? kernels.largest_rows : kernels.sum_rows)(lanes, 1, used, nullptr);
    b.sum_of(line) = lanes[0];
}

// Lines that the kernel reads as they are, several at a time.
void sum_lines_together(const Job& job, const StepKernels& kernels, const Block& b, int64_t line) {
    alignas(64) double lanes[kLinesTogether * kLanes] = {};
    const void* gradient[kLinesTogether];
    for (int k = 0; k < kLinesTogether; ++k) gradient[k] = job.operand[1].at(b.at(line + k));
    const RuleKernels& rule = kernels.rule[job.rule_id][job.is_f64];
    const int64_t n = b.end - b.begin;
    if (!job.has_maxima()) {
        rule.axis_lines(gradient, n, lanes, b.across);
        for (int k = 0; k < kLinesTogether; ++k)
            b.sum_of(line + k) = fold_lanes(lanes + k * kLanes);
        return;
    }
    const int64_t run = line / job.geometry.outer() * b.inner;  // of the matrix
    rule.axis_maxima_lines(gradient, job.operand[2].at(line), job.operand[3].at(run + b.begin), n,
                           lanes, b.across);
    for (int k = 0; k < kLinesTogether; ++k) {
        kernels.largest_rows(lanes + k * kLanes, 1, kLanes, nullptr);
        b.sum_of(line + k) = lanes[k * kLanes];
    }
}

// Whether kernels can read the gradient where it is, and the maxima with it: their rows and columns
// are lines and positions in this order.
bool reads_as_it_is(const Job& job) {
    const DType plain = job.is_f64 ? DType::f64 : DType::f32;
    if (job.staged || job.operand[1].dtype != plain) return false;
    return !job.has_maxima() || (!job.geometry.column_major && job.operand[2].dtype == plain &&
                                 job.operand[3].dtype == plain);
}

Block block_of(const Grid& g, int64_t item, double* line_sum, double* across_sum) {
    const int64_t inner_block = item % g.inner_blocks;
    const int64_t line_block = item / g.inner_blocks % g.line_blocks;
    const int64_t matrix = item / g.inner_blocks / g.line_blocks;
    const int64_t begin = inner_block * kBlock;
    const int64_t first = matrix * g.outer + line_block * kLines;
    return {.begin = begin,
            .end = std::min(begin + kBlock, g.inner),
            .first = first,
            .last = std::min(first + kLines, (matrix + 1) * g.outer),
            .inner = g.inner,
            .line_sum = line_sum + first * g.inner_blocks + inner_block,
            .line_stride = g.inner_blocks,
            .across = across_sum + (matrix * g.line_blocks + line_block) * g.inner + begin};
}

void sum_block(const Job& job, const StepKernels& kernels, const Block& b) {
    std::fill_n(b.across, b.end - b.begin, 0.0);
    Tiles tiles(job, kernels);
    if (2 * b.inner <= kLanes) return sum_short_lines(job, kernels, tiles, b);
    int64_t line = b.first;
    if (reads_as_it_is(job))
        for (; line + kLinesTogether <= b.last; line += kLinesTogether)
            sum_lines_together(job, kernels, b, line);
    for (; line < b.last; ++line) sum_line(job, kernels, tiles, b, line);
}

// The fixed tree over n values, by recursion: left of a pair is the largest power of two of blocks.
template <class T>
double tree_sum(const T* values, int64_t n) {
    if (n > kBlock) {
        int64_t left = kBlock;
        while (2 * left < n) left *= 2;
        return tree_sum(values, left) + tree_sum(values + left, n - left);
    }
    double lanes[kLanes] = {};
    for (int64_t i = 0; i < n; ++i) lanes[i % kLanes] += values[i];
    return fold_lanes(lanes);
}

// Averages the sums in place, moves the state's values towards them into `out` and stores the
// state.
void update_state(const Job& job, const StepKernels& kernels, int stream, double* sums, int64_t n,
                  int64_t first, double length) {
    const Operand& state = job.operand[stream];
    const bool column = job.kind(stream) == Kind::column;
    const int64_t size = job.is_f64 ? 8 : 4;
    void* out = static_cast<char*>(job.axis_new[column]) + first * size;
    alignas(64) float decoded[kTile];
    const void* old = state.at(first);
    if (const LoadFn load = kernels.load[static_cast<int>(state.dtype)]) {
        load(state.at(first), decoded, n);
        old = decoded;
    }
    for (int64_t i = 0; i < n; ++i) sums[i] = sums[i] / length;
    job.rule->axis_update[job.is_f64](job.settings->constants, old, sums, out, n);
    store_values(state, job, kernels, out, first, n);
}

// Notes new maxima; they are stored once the step has read the old ones.
void note_maxima(const Job& job, int stream, const double* values, int64_t n, int64_t first) {
    void* out = job.axis_new[job.kind(stream) == Kind::column];
    for (int64_t i = 0; i < n; ++i) {
        if (job.is_f64)
            static_cast<double*>(out)[first + i] = values[i];
        else
            static_cast<float*>(out)[first + i] = static_cast<float>(values[i]);
    }
}

void store_state(const Job& job, const StepKernels& kernels, int stream) {
    const bool column = job.kind(stream) == Kind::column;
    const int64_t each = column ? job.geometry.cols : job.geometry.rows;
    const int64_t count = job.count / job.geometry.size() * each;
    const int64_t size = job.is_f64 ? 8 : 4;
    for (int64_t first = 0; first < count; first += kTile)
        store_values(job.operand[stream], job, kernels,
                     static_cast<const char*>(job.axis_new[column]) + first * size, first,
                     std::min(kTile, count - first));
}

void scale_rows(const Job& job, int64_t matrix) {
    const int64_t n = job.geometry.rows;
    char* rows = static_cast<char*>(job.axis_new[0]) + matrix * n * (job.is_f64 ? 8 : 4);
    const double sum = job.is_f64 ? tree_sum(reinterpret_cast<const double*>(rows), n)
                                  : tree_sum(reinterpret_cast<const float*>(rows), n);
    job.rule->row_factor[job.is_f64](job.settings->constants, rows, sum / static_cast<double>(n),
                                     n);
}

// The streams whose values lie along a line and across lines.
struct AxisStreams {
    int per_line = -1;  // one value per line
    int across = -1;    // one value per position in a line

    explicit AxisStreams(const Job& job) {
        for (int s = 2; s < job.streams; ++s) {
            if (job.kind(s) == Kind::element) continue;
            ((job.kind(s) == Kind::row) != job.geometry.column_major ? per_line : across) = s;
        }
    }
};

void run_job(const Job& job, const StepKernels& kernels, double* scratch) {
    const Grid g(job.geometry, job.count);
    const AxisStreams streams(job);
    double* line_sum = scratch;
    double* across_sum = scratch + g.line_sums();
    for_items(g.items(), job.count, [&](int64_t item) {
        sum_block(job, kernels, block_of(g, item, line_sum, across_sum));
    });

    // Lines, and then positions in a line, are counted over the whole batch and handled a tile at a
    // time.
    const int64_t lines = g.batch * g.outer;
    for_items(divide_up(lines, kTile), lines * g.inner_blocks, [&](int64_t chunk) {
        const int64_t first = chunk * kTile;
        const int64_t n = std::min(kTile, lines - first);
        double folded[kTile];
        for (int64_t i = 0; i < n; ++i) {
            double* sums = line_sum + (first + i) * g.inner_blocks;
            folded[i] =
                job.has_maxima() ? largest(sums, g.inner_blocks) : fold_pairs(sums, g.inner_blocks);
        }
        if (job.has_maxima()) return note_maxima(job, streams.per_line, folded, n, first);
        update_state(job, kernels, streams.per_line, folded, n, first,
                     static_cast<double>(g.inner));
    });

    const int64_t positions = g.batch * g.inner;
    for_items(divide_up(positions, kTile), g.across_sums(), [&](int64_t chunk) {
        const int64_t first = chunk * kTile;
        const int64_t n = std::min(kTile, positions - first);
        double folded[kTile];
        for (int64_t i = 0; i < n;) {
            const int64_t matrix = (first + i) / g.inner;
            const int64_t begin = (first + i) % g.inner;
            const int64_t m = std::min(g.inner - begin, n - i);
            double* sums = across_sum + matrix * g.line_blocks * g.inner;
            if (job.has_maxima()) {
                std::fill_n(folded + i, m, 0.0);
                for (int64_t b = 0; b < g.line_blocks; ++b)
                    for (int64_t k = 0; k < m; ++k)
                        folded[i + k] = maximum(folded[i + k], sums[b * g.inner + begin + k]);
            } else {
                fold_vectors(sums, g.line_blocks, g.inner, begin, begin + m);
                std::copy_n(sums + begin, m, folded + i);
            }
            i += m;
        }
        if (job.has_maxima()) return note_maxima(job, streams.across, folded, n, first);
        update_state(job, kernels, streams.across, folded, n, first, static_cast<double>(g.outer));
    });

    if (job.has_averages())
        for_items(g.batch, lines, [&](int64_t matrix) { scale_rows(job, matrix); });
}

}  // namespace

int64_t axis_scratch_size(const Geometry& geometry, int64_t count) {
    const Grid g(geometry, count);
    return g.line_sums() + g.across_sums();
}

void run_axes(const Call& call, const StepKernels& kernels) {
    for_jobs(
        call, [](const Job& job) { return job.moves_axes() && job.count > 0; },
        [&](const Job& job, double* scratch) { run_job(job, kernels, scratch); });
}

void store_maxima(const Call& call, const StepKernels& kernels) {
    for_jobs(
        call, [](const Job& job) { return job.has_maxima() && job.count > 0; },
        [&](const Job& job, double*) {
            for (const int stream : {2, 3}) store_state(job, kernels, stream);
        });
}

}  // namespace steepest
