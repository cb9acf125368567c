#include "norms/gradient.h"

#include <utility>

#include "norms/rows.h"

namespace steepest::norms {
namespace {

polar::Batch square(void* data, int64_t n) { return {{data, n, n, n, polar::Type::f64}, 1, n * n}; }

// (X X^T)^(2^squarings - 1) up to a positive factor: the product of all iterates but the last.
// These commute. Null where it is the identity.
const void* power(GramIteration& it, int32_t squarings, const GradientBuffers& b) {
    if (squarings == 0) return nullptr;
    const int64_t n = it.size();
    void *to = b.power[0], *other = b.power[1];
    std::copy_n(static_cast<const double*>(it.iterate().data), n * n, static_cast<double*>(to));
    for (int32_t t = 1; t < squarings; ++t) {
        it.square(Precision::f64);
        const polar::Batch factor{it.iterate(), 1, n * n};
        polar::ByProducts sums;
        polar::symmetric_product(square(to, n), factor, {1, 0, 0}, nullptr, square(other, n),
                                 b.iteration.scratch(), &sums);
        std::swap(to, other);
    }
    it.square(Precision::f64);
    return to;
}

double inner_product(const polar::Matrix& A, const polar::Matrix& B) {
    const double* b = static_cast<const double*>(B.data);
    return sum_over_rows(A, [b, &B](const auto* row, int64_t i, int64_t cols) {
        const double* other = b + i * B.ld;
        return sum_of(cols, [=](int64_t j) { return static_cast<double>(row[j]) * other[j]; });
    });
}

void divide(const polar::Matrix& A, double by) {
    each_index(A.rows, A.rows * A.cols, [&](int64_t i) {
        double* row = static_cast<double*>(A.data) + i * A.ld;
        for (int64_t j = 0; j < A.cols; ++j) row[j] /= by;
    });
}

void fill(const polar::Matrix& A, double value) {
    for (int64_t i = 0; i < A.rows * A.cols; ++i) static_cast<double*>(A.data)[i] = value;
}

}  // namespace

GradientBuffers::GradientBuffers(const polar::View& view, Arena& arena)
    : iteration(view, Precision::f64, arena) {
    const int64_t n = view.rows;
    for (void*& memory : power) memory = arena.take<double>(n * n);
    product = iteration.x;
    product.matrix.data = arena.take<double>(n * view.cols);
    const polar::Batch factor = square(power[0], n);
    const size_t more = polar::scratch_bytes(factor, product);
    if (more > iteration.scratch_size) {
        iteration.scratch_size = more;
        iteration.scratch_memory = arena.take<char>(static_cast<int64_t>(more));
    }
}

// The gradient's inner product with W is f, since f is homogeneous; that fixes the factor which the
// iterates' scaling leaves open.
double gradient(const polar::View& view, int32_t squarings, const GradientBuffers& b) {
    const polar::Norm norm = polar::frobenius_norm(view);
    if (!(norm.scaled > 0)) {
        fill(b.product.matrix, norm.scaled);
        polar::store(b.product.matrix, view);
        return norm.scaled;
    }
    GramIteration it(view, norm, Precision::f64, b.iteration);
    const void* factor = power(it, squarings, b);
    polar::Batch Z = b.product;
    if (factor)
        polar::general(square(const_cast<void*>(factor), it.size()), b.iteration.x, {1, 0, 0},
                       nullptr, Z, b.iteration.scratch());
    else
        std::copy_n(static_cast<const double*>(it.matrix().data), view.rows * view.cols,
                    static_cast<double*>(Z.matrix.data));
    const double f = it.schatten(it.sums().trace);
    divide(Z.matrix, inner_product(Z.matrix, it.matrix()) / f);
    polar::store(Z.matrix, view);
    return std::ldexp(f, -it.exponent());
}

}  // namespace steepest::norms
