// Lanczos' method for the largest eigenvalue of a symmetric positive semidefinite matrix, from a
// random start and with every new vector made orthogonal to all before. It finds a vector for a
// lower bound in far fewer operations than squaring does; that nothing lies above is for others to
// prove.
#pragma once

#include <functional>

#include "norms/tridiagonal.h"
#include "norms/vectors.h"

namespace steepest::norms {

class Lanczos {
  public:
    using Operator = std::function<Vector(const Vector&)>;

    // The start is the same for every matrix of that size. `passes` over the basis make a new
    // vector orthogonal to it.
    Lanczos(Operator multiply, int64_t size, int passes = 2);

    // Goes on until the value's error is estimated to be at most `tol` of it. False when `steps` in
    // all do not reach that.
    bool run(double tol, int steps);

    // What has been found, not yet rounded to a bound.
    double value() const { return value_; }
    // The estimate of how far the eigenvalue may lie above.
    double error() const { return error_; }
    Vector vector() const;

  private:
    void step();
    void orthogonalize(Vector& v) const;
    double estimate_error();

    Operator multiply_;
    int passes_;
    std::vector<Vector> basis_;
    Tridiagonal reduced_;
    std::vector<double> weights_;  // of the basis in the Ritz vector
    double value_ = 0, error_ = 0;
    bool is_exact_ = false;  // the basis spans an invariant space
};

}  // namespace steepest::norms
