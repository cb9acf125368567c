#include "norms/gram.h"

#include "norms/cholesky.h"
#include "norms/rows.h"

namespace steepest::norms {
namespace {

polar::Type type_of(Precision p) {
    return p == Precision::f64 ? polar::Type::f64 : polar::Type::f32;
}

int64_t bytes_of(Precision p) { return p == Precision::f64 ? 8 : 4; }

polar::Batch square_batch(void* data, int64_t n, Precision p) {
    return {{data, n, n, n, type_of(p)}, 1, n * n};
}

polar::Batch in_type(polar::Batch batch, polar::Type type) {
    batch.matrix.type = type;
    return batch;
}

int exponent_of(double x) {
    int exponent = 0;
    std::frexp(x, &exponent);
    return exponent;
}

}  // namespace

Buffers::Buffers(const polar::View& view, Precision precision, Arena& arena) {
    const int64_t n = view.rows, bytes = bytes_of(precision);
    x = {{arena.take<char>(n * view.cols * bytes), n, view.cols, view.cols, type_of(precision)},
         1,
         n * view.cols};
    for (void*& memory : square) memory = arena.take<char>(n * n * bytes);
    const polar::Batch gram = square_batch(square[0], n, precision);
    const polar::Batch in_float = square_batch(square[0], n, Precision::f32);
    scratch_size = std::max({polar::scratch_bytes(x, gram), polar::scratch_bytes(gram, gram),
                             polar::scratch_bytes(in_float, in_float),
                             polar::scratch_bytes(in_type(x, polar::Type::f32), gram),
                             cholesky_bytes(n, precision)});
    scratch_memory = arena.take<char>(static_cast<int64_t>(scratch_size));
}

GramIteration::GramIteration(const polar::View& view, const polar::Norm& norm, Precision precision,
                             const Buffers& buffers)
    : GramIteration(view, norm, precision, buffers, type_of(precision)) {}

GramIteration GramIteration::with_long_sums(const polar::View& view, const polar::Norm& norm,
                                            const Buffers& buffers) {
    return {view, norm, Precision::f64, buffers, polar::Type::f32};
}

GramIteration::GramIteration(const polar::View& view, const polar::Norm& norm, Precision precision,
                             const Buffers& buffers, polar::Type type_of_matrix)
    : GramRecord(view.rows, view.cols, precision == Precision::f64),
      buffers_(buffers),
      x_(in_type(buffers.x, type_of_matrix)) {
    gram_ = current_ = square_batch(buffers.square[0], view.rows, precision);
    load(view, norm);
    form();
}

void GramIteration::form() {
    polar::ByProducts sums;
    polar::symmetric(x_, {1, 0, 0}, nullptr, gram_, buffers_.scratch(), &sums);
    formed(sums, has_long_sums());
}

// The Frobenius norm is then below one, but for roundings. An element that is scaled down to a
// subnormal number is rounded, twice at most; one that becomes a float once more.
void GramIteration::load(const polar::View& view, const polar::Norm& norm) {
    const double factor = std::ldexp(1.0, -exponent_of(norm.scaled));
    polar::load(view, norm.power, factor, x_.matrix);
    Up error{0};
    if (view.dtype == DType::f64 || has_long_sums())
        error = underflow_error(view.rows, view.cols,
                                has_long_sums() ? Precision::f32 : Precision::f64);
    if (view.dtype == DType::f64 && has_long_sums()) error = error + Up{0x1.001p-24};
    loaded(exponent_of(norm.power) - 1 + exponent_of(factor) - 1, error);
}

void* GramIteration::spare() const {
    return current_.matrix.data == buffers_.square[1] ? buffers_.square[2] : buffers_.square[1];
}

void GramIteration::convert(Step& step) {
    const polar::Matrix from = current_.matrix;
    const polar::Batch to = square_batch(spare(), size(), Precision::f32);
    each_index(from.rows, from.rows * from.cols, [&](int64_t i) {
        const double* source = static_cast<const double*>(from.data) + i * from.ld;
        float* target = static_cast<float*>(to.matrix.data) + i * from.ld;
        for (int64_t j = 0; j < from.cols; ++j) target[j] = static_cast<float>(source[j]);
    });
    step.conversion = conversion_error(size(), Moments(sums(), size()).squares.up);
    current_ = to;
}

// The iterate has a Frobenius norm of about 2^exponent, so that of its square, before the scaling,
// is at most 2^(2 exponent), and at least that over the root of n.
void GramIteration::square(Precision wanted) {
    Step step{.q = -exponent_of(sums().squares)};
    Up norm = sqrt(Moments(sums(), size()).squares.up);
    if (wanted == Precision::f32 && precision() == Precision::f64) convert(step);
    norm = norm + step.conversion;
    const Precision p = precision();
    const polar::Batch next = square_batch(spare(), size(), p);
    polar::ByProducts sums_of_next;
    polar::symmetric(current_, {std::ldexp(1.0, step.q), 0, 0}, nullptr, next, buffers_.scratch(),
                     &sums_of_next);
    step.product = product_error(size(), size(), step.q, norm * norm, p);
    squared(step, sums_of_next);
    current_ = next;
}

bool GramIteration::has_no_eigenvalue_above(double lambda) const {
    polar::Matrix work = gram_.matrix;
    work.data = spare();
    return norms::has_no_eigenvalue_above(lambda, gram_.matrix, work, buffers_.scratch());
}

// ||X^T v|| / ||v||, where X^T v is off by gamma_n |X|^T |v| elementwise.
Down GramIteration::sigma_below(const Vector& v) const {
    const double n = static_cast<double>(size()), cols = static_cast<double>(x_.matrix.cols);
    const Vector image = multiply_transposed(x_.matrix, v);
    const SumBounds length(dot(v, v), n), length_of_image(dot(image, image), cols);
    if (!(length.down.value > 0)) return {0};
    const Up squares = Moments(gram_sums(), size()).trace.up + gram_error();
    const Up tiny = Up{n} * Up{cols} * Up{tiny_of(Precision::f64)} / sqrt(length.down);
    const Up error = gamma(n + 2, unit_of(Precision::f64)) * sqrt(squares) + tiny;
    return sqrt(length_of_image.down) / sqrt(length.up) - error - load_error();
}

}  // namespace steepest::norms
