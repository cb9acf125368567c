// What the driver of device calls needs from a device: CUDA, or its emulation on the host.
#pragma once

#include <cstddef>
#include <cstdint>

namespace steepest::device {

struct Pass;
struct UnitPass;
struct ProbePass;
struct PolarPass;
struct LinesPass;
struct OnChipPass;
struct GramStepsPass;
struct ProductRuns;
struct LineSumsPass;
struct ReportPass;
struct RankOnePass;
struct PairPass;
struct GramPass;
class ProductLibrary;
struct OasisPass;

// What one launch can copy to a device by way of its arguments.
inline constexpr size_t kUploadBytes = 32000;

// Runs a kernel over a number of work items; what an item is depends on the kernel.
using Run = void (*)(const Pass& pass, int64_t items, void* stream);

struct RuleRuns {
    const char* name;
    Run apply[3];  // by storage; float64 is always plain
    Run prepare;
    Run reduce;  // null: the rule needs no sums
    // null: the rule keeps no averages or maxima of rows and columns; the last: no averages
    Run axis_sums, update_axes, scale_rows;
    // null: the rule has no sums of rows
    Run row_sums, fold_rows, row_values;
};

// The same for the kernels of the probes, of one distribution in one precision.
using ProbeRun = void (*)(const ProbePass& pass, int64_t items, void* stream);

struct ProbeRuns {
    ProbeRun fill, accumulate;  // over blocks of the tree
    ProbeRun groups;            // over chunks of kThreads groups
};

// The passes of an orthogonalisation over a number of CUDA blocks, one for each tile of each matrix
// but where it says otherwise. Arrays are by polar::Type.
using PolarRun = void (*)(const PolarPass& pass, int64_t blocks, void* stream);

struct PolarRuns {
    PolarRun squares;  // of the caller's matrices
    PolarRun scales;   // a block for each matrix
    PolarRun load[4], store[4];
    PolarRun copy_plus[2];  // no halves
    PolarRun split[2];      // bfloat16, float16
    PolarRun line_sums[4];  // a warp for each row of each matrix
    PolarRun line_factors;  // a block for each matrix
    PolarRun multiply_lines[4];
    // All of it for matrices of up to 32, 64 and 128 rows and columns, a block for each.
    void (*on_chip[3])(const OnChipPass& pass, int64_t matrices, void* stream);
    // On tensor cores, up to 64 and 128: bfloat16, float16.
    void (*half_on_chip[2][2])(const OnChipPass& pass, int64_t matrices, void* stream);
    // Steps of the Gram method for sides of up to 32, 64, 96 and 128, a block for each matrix.
    void (*gram_steps[4])(const GramStepsPass& pass, int64_t matrices, void* stream);
    void (*gram_steps_f64[2])(const GramStepsPass& pass, int64_t matrices, void* stream);
};

// The passes over rows and columns that are divided by their norms, over a number of CUDA blocks.
using LinesRun = void (*)(const LinesPass& pass, int64_t blocks, void* stream);

struct LinesRuns {
    LinesRun sums;
    LinesRun powers, factors;  // a block for each matrix
    LinesRun write;
};

// Runs a kernel over a number of CUDA blocks.
template <class Pass>
using GridRun = void (*)(const Pass& pass, int64_t blocks, void* stream);

// Sums of products along lines, or across them.
struct LineSumsRuns {
    GridRun<LineSumsPass> along, across, fold;
};

// The norm report.
struct ReportRuns {
    GridRun<ReportPass> sum, norms, values;
};

// A Gram iteration, beside its products.
struct GramRuns {
    GridRun<GramPass> scale, pick, multiply, magnitudes, lengths;
};

// Rank-one updates of an inverse.
struct RankOneRuns {
    GridRun<RankOnePass> largest, decide, multiply, combine, dot, term, write, results;
};

// Sums of pairs of matrices, and what is found in them.
struct PairRuns {
    GridRun<PairPass> combine, compare, fold;
};

// The weighted norms of OASIS: of blocks of the tree, of tensors, and of all.
struct OasisRuns {
    GridRun<OasisPass> blocks, tensors, norms;
};

// What the matrix products ask of a backend.
class ProductBackend {
  public:
    virtual ~ProductBackend() = default;

    // By whether the right operand lies as in memory by columns.
    virtual const ProductRuns& product_runs(bool has_columns) const = 0;
    // Null: there is none.
    virtual const ProductLibrary* library() const { return nullptr; }
    virtual void* stream() const = 0;
};

class Backend : public ProductBackend {
  public:
    virtual const RuleRuns& runs(int rule, bool is_f64) const = 0;
    // By steepest_distribution.
    virtual const ProbeRuns& probe_runs(int distribution, bool is_f64) const = 0;
    virtual const PolarRuns& polar_runs() const = 0;
    virtual const LinesRuns& lines_runs() const = 0;
    virtual const LineSumsRuns& line_sums_runs() const = 0;
    virtual const ReportRuns& report_runs() const = 0;
    virtual const GramRuns& gram_runs() const = 0;
    virtual const RankOneRuns& rank_one_runs() const = 0;
    virtual const PairRuns& pair_runs() const = 0;
    virtual const OasisRuns& oasis_runs() const = 0;
    virtual void run_squares(const Pass& pass, int64_t items) = 0;
    virtual void run_advance(const Pass& pass, int64_t items) = 0;
    virtual void run_units(const UnitPass& pass, int64_t items) = 0;
    // Copies to the device, in stream order; `from` may be changed as soon as this returns.
    virtual void upload(void* to, const void* from, size_t size) = 0;
    // Copies to the host once the stream has come so far. Fails while it is captured.
    virtual void read(void* to, const void* from, size_t size) = 0;
    // False while the stream is captured: then nothing is on the device yet.
    virtual bool is_immediate() const = 0;
    virtual int multiprocessors() const = 0;
    // Of memory that the threads of a block may share.
    virtual int shared_bytes() const = 0;
};

}  // namespace steepest::device
