// Gram iteration on one matrix: the iterates, their by-products and what rounding did to them.
#pragma once

#include "core/arena.h"
#include "norms/levels.h"
#include "norms/moments.h"
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

class GramIteration {
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

    int level() const { return levels_.count(); }
    int64_t size() const { return current_.matrix.rows; }
    const polar::Matrix& matrix() const { return x_.matrix; }
    const polar::Matrix& gram() const { return gram_.matrix; }
    const polar::Matrix& iterate() const { return current_.matrix; }
    const polar::ByProducts& sums() const { return sums_; }
    const polar::ByProducts& gram_sums() const { return gram_sums_; }
    Precision precision() const {
        return current_.matrix.type == polar::Type::f64 ? Precision::f64 : Precision::f32;
    }

    // Whether no eigenvalue of the Gram matrix lies above, proved unless these are estimates. At
    // level 0 only, since memory of the next level is used.
    bool has_no_eigenvalue_above(double lambda) const;

    // A bound of the iterate's largest eigenvalue (or Schatten norm) as one of sigma_1, and a lower
    // bound of the Gram matrix's spectral norm as one of sigma_1.
    Up sigma_above(Up of_iterate) const;
    Down sigma_below(Down of_gram) const;
    // A lower bound of sigma_1 by a vector of the short side, through the matrix itself.
    Down sigma_below(const Vector& v) const;
    bool has_long_sums() const { return x_.matrix.type != gram_.matrix.type; }
    // Bounds of the caller's matrix: the scaling undone.
    double to_scale(double sigma) const { return std::ldexp(sigma, exponent_); }
    double unscaled(Up sigma) const { return scaled(sigma, -exponent_).value; }
    double unscaled(Down sigma) const { return scaled(sigma, -exponent_).value; }

    // The largest lambda for which sigma_above(lambda) is at most `sigma`, but for roundings.
    double gram_for(double sigma) const {
        const double rest = sigma - load_error_.value;
        return rest > 0 ? rest * rest - gram_error_.value : 0;
    }

    int exponent() const { return exponent_; }
    // (tr A_0^(2^level))^(2^-(level+1)) from the iterate's trace, without regard to rounding.
    double schatten(double trace) const { return std::sqrt(levels_.root(trace)); }

  private:
    GramIteration(const polar::View& view, const polar::Norm& norm, Precision precision,
                  const Buffers& buffers, polar::Type type_of_matrix);
    void* spare() const;
    void load(const polar::View& view, const polar::Norm& norm);
    void form();
    void convert(Step& step);

    const Buffers& buffers_;
    bool rigorous_;
    polar::Batch x_, gram_, current_;
    polar::ByProducts gram_sums_{}, sums_{};
    Levels levels_;
    Up gram_error_{0};  // of the Gram matrix
    Up load_error_{0};  // of the matrix
    int exponent_ = 0;  // the matrix was multiplied by two to this power
};

}  // namespace steepest::norms
