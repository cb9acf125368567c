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
    : buffers_(buffers),
      rigorous_(precision == Precision::f64),
      x_(in_type(buffers.x, type_of_matrix)) {
    gram_ = current_ = square_batch(buffers.square[0], view.rows, precision);
    load(view, norm);
    form();
}

// ||X||_F^2 is the exact trace of X X^T, from which the computed diagonal is off by gamma_k of it.
void GramIteration::form() {
    polar::symmetric(x_, {1, 0, 0}, nullptr, gram_, buffers_.scratch(), &gram_sums_);
    sums_ = gram_sums_;
    if (!rigorous_) return;
    const double k = static_cast<double>(x_.matrix.cols), n = static_cast<double>(size());
    const bool in_runs = has_long_sums();
    const Up relative = in_runs ? error_of_long_sums(k) : gamma(k + 2, unit_of(Precision::f64));
    const Up tiny = Up{n} * (Up{k + 2} * Up{tiny_of(in_runs ? Precision::f32 : Precision::f64)});
    const Up squares = (Moments(sums_, size()).trace.up + tiny) / (Down{1} - relative);
    gram_error_ = relative * squares + tiny;
}

// The Frobenius norm is then below one, but for roundings. An element that is scaled down to a
// subnormal number is rounded, twice at most; one that becomes a float once more.
void GramIteration::load(const polar::View& view, const polar::Norm& norm) {
    const double factor = std::ldexp(1.0, -exponent_of(norm.scaled));
    exponent_ = exponent_of(norm.power) - 1 + exponent_of(factor) - 1;
    polar::load(view, norm.power, factor, x_.matrix);
    if (!rigorous_ || (view.dtype != DType::f64 && !has_long_sums())) return;
    const Up elements = Up{static_cast<double>(view.rows)} * Up{static_cast<double>(view.cols)};
    const Precision p = has_long_sums() ? Precision::f32 : Precision::f64;
    load_error_ = sqrt(elements) * Up{tiny_of(p)};
    if (has_long_sums() && view.dtype == DType::f64) load_error_ = load_error_ + Up{0x1.001p-24};
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
    step.conversion = conversion_error(size(), Moments(sums_, size()).squares.up);
    current_ = to;
}

// The iterate has a Frobenius norm of about 2^exponent, so that of its square, before the scaling,
// is at most 2^(2 exponent), and at least that over the root of n.
void GramIteration::square(Precision wanted) {
    Step step{.q = -exponent_of(sums_.squares)};
    Up norm = sqrt(Moments(sums_, size()).squares.up);
    if (wanted == Precision::f32 && precision() == Precision::f64) convert(step);
    norm = norm + step.conversion;
    const Precision p = precision();
    const polar::Batch next = square_batch(spare(), size(), p);
    polar::symmetric(current_, {std::ldexp(1.0, step.q), 0, 0}, nullptr, next, buffers_.scratch(),
                     &sums_);
    if (rigorous_) step.product = product_error(size(), size(), step.q, norm * norm, p);
    levels_.add(step);
    current_ = next;
}

bool GramIteration::has_no_eigenvalue_above(double lambda) const {
    polar::Matrix work = gram_.matrix;
    work.data = spare();
    return norms::has_no_eigenvalue_above(lambda, gram_.matrix, work, buffers_.scratch());
}

Up GramIteration::sigma_above(Up of_iterate) const {
    return sqrt(levels_.bring_down(of_iterate) + gram_error_) + load_error_;
}

// ||X^T v|| / ||v||, where X^T v is off by gamma_n |X|^T |v| elementwise.
Down GramIteration::sigma_below(const Vector& v) const {
    const double n = static_cast<double>(size()), cols = static_cast<double>(x_.matrix.cols);
    const Vector image = multiply_transposed(x_.matrix, v);
    const SumBounds length(dot(v, v), n), length_of_image(dot(image, image), cols);
    if (!(length.down.value > 0)) return {0};
    const Up squares = Moments(gram_sums_, size()).trace.up + gram_error_;
    const Up tiny = Up{n} * Up{cols} * Up{tiny_of(Precision::f64)} / sqrt(length.down);
    const Up error = gamma(n + 2, unit_of(Precision::f64)) * sqrt(squares) + tiny;
    return sqrt(length_of_image.down) / sqrt(length.up) - error - load_error_;
}

Down GramIteration::sigma_below(Down of_gram) const {
    return sqrt(of_gram - gram_error_) - load_error_;
}

}  // namespace steepest::norms
