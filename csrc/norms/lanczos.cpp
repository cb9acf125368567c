#include "norms/lanczos.h"

#include <utility>

#include "core/philox.h"
#include "norms/rows.h"

namespace steepest::norms {
namespace {

// From the spacing of one look at the error to the next.
constexpr int kStepsPerLook = 3;
// A new vector shorter than this, relative to the largest eigenvalue, is rounding.
constexpr double kNoLength = 0x1p-44;

// Uniform in [-1, 1): almost surely not orthogonal to any eigenvector.
Vector random_vector(int64_t size) {
    Vector v(static_cast<size_t>(size));
    const Stream stream{.seed = 0, .purpose = 0xffff, .draw = 0, .tensor = 0};
    for (size_t i = 0; i < v.size(); i += 4) {
        const Philox random = philox(stream, i / 4);
        for (size_t k = i; k < std::min(i + 4, v.size()); ++k)
            v[k] = random.word[k - i] * 0x1p-31 - 1;
    }
    normalize(v);
    return v;
}

void add(Vector& to, double factor, const Vector& v) {
    for (size_t i = 0; i < to.size(); ++i) to[i] += factor * v[i];
}

}  // namespace

Lanczos::Lanczos(Operator multiply, int64_t size, int passes)
    : multiply_(std::move(multiply)), passes_(passes), basis_{random_vector(size)} {}

// Twice is enough for orthogonality to working precision (Giraud, Langou and Rozloznik 2005).
void Lanczos::orthogonalize(Vector& v) const {
    for (int pass = 0; pass < passes_; ++pass)
        for (const Vector& b : basis_) add(v, -dot(b, v), b);
}

void Lanczos::step() {
    Vector next = multiply_(basis_.back());
    reduced_.diagonal.push_back(dot(basis_.back(), next));
    orthogonalize(next);
    const double length = std::sqrt(dot(next, next));
    reduced_.beside.push_back(length);
    is_exact_ = basis_.size() == next.size() || !(length > kNoLength * reduced_.diagonal[0]);
    if (is_exact_) return;
    for (double& x : next) x /= length;
    basis_.push_back(std::move(next));
}

// Of the residual r either r itself or, with the next Ritz value a gap away, r^2 / gap.
double Lanczos::estimate_error() {
    value_ = eigenvalue(reduced_, 0);
    weights_ = top_vector(reduced_, value_);
    if (is_exact_) return 0;
    const double residual = reduced_.beside.back() * std::abs(weights_.back());
    if (reduced_.size() < 2) return residual;
    const double gap = value_ - eigenvalue(reduced_, 1);
    return residual < gap ? residual * (residual / gap) : residual;
}

bool Lanczos::run(double tol, int steps) {
    while (!is_exact_ && reduced_.size() < steps) {
        for (int i = 0; i < kStepsPerLook && !is_exact_; ++i) step();
        error_ = estimate_error();
        if (error_ <= tol * value_) return true;
    }
    return is_exact_;
}

Vector Lanczos::vector() const {
    Vector v(basis_[0].size(), 0.0);
    for (size_t k = 0; k < weights_.size(); ++k) add(v, weights_[k], basis_[k]);
    return v;
}

}  // namespace steepest::norms
