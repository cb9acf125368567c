// Norms of rows, columns and entries in one read: the chunks of all matrices are shared out to
// threads in one region, then what they gave is folded, matrix by matrix.
#include "norms/report.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>

#include "core/parallel.h"
#include "norms/panel.h"

namespace steepest::norms {
namespace {

// Elements of a chunk: enough that the sums of its columns are small beside it.
constexpr int64_t kChunk = int64_t{1} << 20;
constexpr int kChunksPerThread = 8;  // at least, as long as they are large enough
constexpr int kPartsPerThread = 32;

// One matrix, its chunks, and what they give.
struct Job {
    const steepest_matrix* matrix;
    double scale;
    int64_t rows_of_chunk, chunks;
    int64_t first;    // number of its first chunk among those of all jobs
    ChunkSums* sums;  // one per chunk
    double* columns;  // one vector per chunk
};

int64_t size_of(const steepest_matrix& m) { return m.rows * m.cols; }

// kLines times a power of two; `wanted` elements, or less where the panels are too large for that.
int64_t rows_of_chunk(const steepest_matrix& m, int64_t wanted) {
    int64_t rows = kLines;
    while (rows < kMostLines && rows < m.rows && 2 * rows * m.cols <= wanted) rows *= 2;
    return rows;
}

// Memory of the threads: whoever begins a part takes one that is free.
class Scratches {
  public:
    Scratches(int count, int64_t cols, int64_t columns) : taken_(static_cast<size_t>(count)) {
        for (int i = 0; i < count; ++i) each_.emplace_back(cols, columns);
    }
    template <class F>
    void with(F&& f) {
        size_t i = 0;
        while (taken_[i].exchange(true, std::memory_order_acquire)) i = (i + 1) % taken_.size();
        f(each_[i]);
        taken_[i].store(false, std::memory_order_release);
    }

  private:
    std::vector<Scratch> each_;
    std::vector<std::atomic<bool>> taken_;
};

// The jobs of a call and the memory of their results.
class Work {
  public:
    Work(const std::vector<const steepest_matrix*>& matrices, double scale_of_all,
         const ReportKernels& kernels)
        : kernels_(kernels) {
        for (const steepest_matrix* m : matrices) total_ += size_of(*m);
        threads_ = threads_for(total_);
        const int64_t chunks = threads_ == 1 ? 1 : kChunksPerThread * threads_;
        const int64_t wanted = std::min(kChunk, total_ / chunks);
        for (const steepest_matrix* m : matrices) add(*m, scale_of_all, wanted);
        sums_.resize(static_cast<size_t>(chunks_));
        columns_.reset(new double[static_cast<size_t>(columns_size_)]);
        place();
    }

    const std::vector<Job>& jobs() const { return jobs_; }

    // Fills in the sums of all chunks.
    void sum() {
        Scratches scratches(threads_, most_cols_, most_columns_);
        const int parts = static_cast<int>(
            std::min<int64_t>(chunks_, threads_ == 1 ? 1 : kPartsPerThread * threads_));
        parallel(threads_, parts, [&](int part, int n) {
            scratches.with([&](const Scratch& scratch) {
                const int64_t begin = total_ / n * part + std::min<int64_t>(total_ % n, part);
                const int64_t end =
                    total_ / n * (part + 1) + std::min<int64_t>(total_ % n, part + 1);
                sum_between(begin, end, scratch);
            });
        });
    }

    // f(number of the job) for all.
    template <class F>
    void each_job(F&& f) const {
        const auto count = static_cast<int64_t>(jobs_.size());
        const int threads = threads_for(columns_size_);
        const auto parts = std::min<int64_t>(count, threads == 1 ? 1 : kPartsPerThread * threads);
        parallel(threads, static_cast<int>(parts), [&](int part, int n) {
            for (int64_t i = count * part / n; i < count * (part + 1) / n; ++i) f(i);
        });
    }

  private:
    void add(const steepest_matrix& m, double scale, int64_t wanted) {
        const int64_t rows = rows_of_chunk(m, wanted);
        const int64_t chunks = (m.rows + rows - 1) / rows;
        jobs_.push_back({&m, scale, rows, chunks, chunks_, nullptr, nullptr});
        chunks_ += chunks;
        columns_size_ += chunks * m.cols;
        most_cols_ = std::max(most_cols_, m.cols);
        most_columns_ = std::max(most_columns_, panel_vectors(rows) * m.cols);
    }

    void place() {
        double* at = columns_.get();
        for (Job& job : jobs_) {
            job.sums = sums_.data() + job.first;
            job.columns = at;
            at += job.chunks * job.matrix->cols;
        }
    }

    // The chunks whose first elements are among [begin, end) of all matrices' in a row.
    void sum_between(int64_t begin, int64_t end, const Scratch& scratch) {
        int64_t at = 0;
        for (const Job& job : jobs_) {
            const int64_t size = size_of(*job.matrix), chunk = job.rows_of_chunk * job.matrix->cols;
            const auto chunk_from = [&](int64_t element) {
                return std::clamp<int64_t>((element - at + chunk - 1) / chunk, 0, job.chunks);
            };
            if (at + size > begin && at < end)
                for (int64_t c = chunk_from(std::max(begin, at)); c < chunk_from(end); ++c)
                    sum_one(job, c, scratch);
            at += size;
        }
    }

    void sum_one(const Job& job, int64_t c, const Scratch& scratch) {
        const int64_t row = c * job.rows_of_chunk;
        job.sums[c] = sum_chunk({job.matrix, job.scale, &kernels_}, row,
                                std::min(row + job.rows_of_chunk, job.matrix->rows), scratch,
                                job.columns + c * job.matrix->cols);
    }

    const ReportKernels& kernels_;
    std::vector<Job> jobs_;
    std::vector<ChunkSums> sums_;
    std::unique_ptr<double[]> columns_;
    int64_t total_ = 0, chunks_ = 0, columns_size_ = 0, most_cols_ = 0, most_columns_ = 0;
    int threads_ = 1;
};

// Of all chunks' values of one member, on the tree of the rows, in place.
double folded(const Job& job, double ChunkSums::* member) {
    constexpr auto kMembers = static_cast<int64_t>(sizeof(ChunkSums) / sizeof(double));
    return fold_pairs(&(job.sums->*member), job.chunks, kMembers);
}

double largest(const Job& job, double ChunkSums::* member) {
    double value = 0;
    for (int64_t c = 0; c < job.chunks; ++c) value = std::max(value, job.sums[c].*member);
    return value;
}

void add_columns(const Job& job, steepest_norm_report_values& r) {
    const int64_t cols = job.matrix->cols;
    fold_vectors(job.columns, job.chunks, cols, 0, cols);
    for (int64_t j = 0; j < cols; ++j) {
        job.columns[j] = std::sqrt(job.columns[j]);
        r.max_column = std::max(r.max_column, job.columns[j]);
    }
    r.sum_columns = fold_pairs(job.columns, cols);
}

steepest_norm_report_values values_of(const Job& job) {
    steepest_norm_report_values r{};
    r.frobenius = std::sqrt(folded(job, &ChunkSums::squares));
    r.sum_abs = folded(job, &ChunkSums::abs);
    r.sum_rows = folded(job, &ChunkSums::row_norms);
    r.max_row = largest(job, &ChunkSums::max_row);
    r.max_abs = largest(job, &ChunkSums::max_abs);
    add_columns(job, r);
    for (double* v : {&r.frobenius, &r.max_abs, &r.max_row, &r.max_column, &r.sum_rows,
                      &r.sum_columns, &r.sum_abs})
        *v = std::isnan(r.sum_abs) ? r.sum_abs : *v / job.scale;
    return r;
}

Reports scaled_reports(const std::vector<const steepest_matrix*>& matrices, double scale,
                       const ReportKernels& kernels) {
    Reports reports(matrices.size());
    if (matrices.empty()) return reports;
    Work work(matrices, scale, kernels);
    work.sum();
    work.each_job([&](int64_t i) {
        const auto k = static_cast<size_t>(i);
        reports[k] = values_of(work.jobs()[k]);
    });
    return reports;
}

constexpr double kLow = 0x1p-400, kHigh = 0x1p400;  // between them no square is lost

// Reads those matrices again, scaled, that `is_outside`, of the few whose squares leave the range
// of double.
template <class Outside>
void repeat(const std::vector<const steepest_matrix*>& matrices, const ReportKernels& kernels,
            double scale, Outside&& is_outside, Reports& reports) {
    std::vector<const steepest_matrix*> again;
    std::vector<size_t> index;
    for (size_t i = 0; i < matrices.size(); ++i)
        if (is_outside(reports[i].max_abs)) again.push_back(matrices[i]), index.push_back(i);
    const Reports found = scaled_reports(again, scale, kernels);
    for (size_t i = 0; i < index.size(); ++i) reports[index[i]] = found[i];
}

}  // namespace

Reports report(const std::vector<const steepest_matrix*>& matrices, const ReportKernels& kernels) {
    Reports reports = scaled_reports(matrices, 1, kernels);
    repeat(
        matrices, kernels, 0x1p600, [](double most) { return most > 0 && most < kLow; }, reports);
    repeat(
        matrices, kernels, 0x1p-600, [](double most) { return most > kHigh && !std::isinf(most); },
        reports);
    return reports;
}

}  // namespace steepest::norms
