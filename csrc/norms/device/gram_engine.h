// Gram iteration on matrices of one shape, on a device or its emulation: their memory, and what is
// done to all of them at once.
#pragma once

#include <vector>

#include "norms/device/gram_pass.h"
#include "norms/interval.h"
#include "polar/device/polar_pass.h"
#include "polar/device/products.h"

namespace steepest::device {

inline constexpr size_t kMostGramBytes = size_t{1} << 30;  // where they hold one matrix

// What for: Frobenius norms alone, bounds in float64, estimates in float32, gradients in float64.
enum class GramUse { frobenius, bounds, estimates, gradients };

struct GramShape {
    int64_t rows, cols;  // rows <= cols
    int64_t count;
    GramUse use;

    polar::Type type() const {
        return use == GramUse::estimates ? polar::Type::f32 : polar::Type::f64;
    }
};

// What they need, cut from an arena: the matrices, their Gram matrices, which stay, and two
// iterates of each. For gradients the product of iterates, two in turns, and that by the matrix.
// For Frobenius norms no matrix has memory.
struct GramMemory {
    PolarView* views;
    PolarScale* scales;
    NormSums* partial;
    GramMember* members;
    polar::ByProducts* sums;  // and behind them
    GramLengths* lengths;
    double* vectors;
    double* images;
    double* long_side;  // a vector
    polar::Batch x, gram, scaled, next;
    polar::Batch power[2], product;
    void* scratch_memory;
    size_t scratch_size;

    GramMemory(const GramShape& shape, Arena& arena);
    Arena scratch() const { return {scratch_memory, scratch_size}; }
};

// The by-products of the newest iterates, and lengths, in the order of the members.
struct GramFindings {
    std::vector<polar::ByProducts> sums;
    std::vector<GramLengths> lengths;
};

class GramEngine {
  public:
    GramEngine(const GramShape& shape, Arena arena, Backend& backend)
        : memory_(shape, arena), backend_(backend), products_(backend) {}

    // For each matrix one over its Frobenius norm, as power times factor: zero for a zero matrix,
    // NaN for one with a NaN or an infinity. Waits for them.
    std::vector<PolarScale> inverse_norms(const polar::View* views);
    // Enqueue, on all matrices: scaling, and their Gram matrices. All are members then.
    void form(const std::vector<PolarScale>& scales);
    // Enqueues the squares of the members' iterates, which from then on lie in that order.
    void square(const std::vector<GramMember>& members);
    // Enqueues a vector for the lower bound of each member, and its lengths.
    void look();
    // Waits for what has been found.
    GramFindings read(bool has_looked);
    // The largest sum of magnitudes in a row of each member's Gram matrix. Waits for them.
    std::vector<double> largest_row_sums();

    // The product of all Gram iterates but the last: begins with the Gram matrix, and takes in the
    // newest iterate.
    void begin_power();
    void raise_power();
    // Waits for the inner products of the matrices and their products by it.
    std::vector<double> inner_products();
    // Enqueues the products, times a factor for each, to the caller's results; without a power the
    // matrices themselves.
    void store_products(const std::vector<double>& factors, bool has_power);

    // The singular vectors by the last look at a member. Waits for them.
    void find_pair(int64_t member, int64_t index, const norms::Pair& pair);

  private:
    GramPass pass() const;
    void set_members(const std::vector<GramMember>& members);
    void scale(const polar::Batch& from, const polar::Batch& to);
    template <class T>
    norms::Vector multiply_transposed(const norms::Vector& left, int64_t index, void* place);

    GramMemory memory_;
    Backend& backend_;
    DeviceProducts products_;
    polar::Batch iterate_{};
    int64_t members_ = 0;
    int power_ = 0;  // which of the two it is
};

}  // namespace steepest::device
