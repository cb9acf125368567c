// Gram iteration on one matrix: the iterates, and the record of what rounding did to them.
#pragma once

#include "core/arena.h"
#include "norms/record.h"
#include "norms/vectors.h"
#include "polar/view.h"

namespace steepest::norms {

// Memory of one iteration: the matrix, its Gram matrix, which stays, and two more in turns.
struct Buffers {
    polar::Batch x{};
    void* square[3] = {};
    void* scratch_memory = nullptr;
    size_t scratch_size = 0;

    Buffers() = default;
    Buffers(const polar::View& view, Precision precision, Arena& arena);
    Arena scratch() const { return {scratch_memory, scratch_size}; }
};

class GramIteration : public GramRecord {
  public:
    // Loads the matrix, scaled by a power of two to a Frobenius norm near one, and forms the Gram
    // matrix of its short side. In float the errors are not followed: bounds are then estimates.
    // `norm` is the matrix's and positive.
    GramIteration(const polar::View& view, const polar::Norm& norm, Precision precision,
                  const Buffers& buffers);

    // The same in double, but for the matrix, which is rounded to float, and for runs of products
    // that are summed in float: errors are followed, and about half of the time is saved.
    static GramIteration with_long_sums(const polar::View& view, const polar::Norm& norm,
                                        const Buffers& buffers);

    // Squares the iterate, in float when asked to; it stays in float from then on.
    void square(Precision precision);

    const polar::Matrix& matrix() const { return x_.matrix; }
    const polar::Matrix& gram() const { return gram_.matrix; }
    const polar::Matrix& iterate() const { return current_.matrix; }
    Precision precision() const {
        return current_.matrix.type == polar::Type::f64 ? Precision::f64 : Precision::f32;
    }

    // Whether no eigenvalue of the Gram matrix lies above, proved unless these are estimates. At
    // level 0 only, since memory of the next level is used.
    bool has_no_eigenvalue_above(double lambda) const;

    using GramRecord::sigma_below;
    // A lower bound of sigma_1 by a vector of the short side, through the matrix itself.
    Down sigma_below(const Vector& v) const;
    bool has_long_sums() const { return x_.matrix.type != gram_.matrix.type; }

  private:
    GramIteration(const polar::View& view, const polar::Norm& norm, Precision precision,
                  const Buffers& buffers, polar::Type type_of_matrix);
    void* spare() const;
    void load(const polar::View& view, const polar::Norm& norm);
    void form();
    void convert(Step& step);

    const Buffers& buffers_;
    polar::Batch x_, gram_, current_;
};

}  // namespace steepest::norms
