#include "norms/device/gram_course.h"

namespace steepest::device {

using namespace norms;

namespace {

int exponent_by(const PolarScale& inverse_norm) {
    return std::ilogb(inverse_norm.power) + std::ilogb(inverse_norm.factor);
}

// In two steps where one is no number. Down, the second makes the rounding error of the first
// smaller.
PolarScale scale_by(int exponent) {
    constexpr int kMost = 1000;
    const int first = std::clamp(exponent, -kMost, kMost);
    return {std::ldexp(1.0, first), std::ldexp(1.0, exponent - first)};
}

}  // namespace

GramCourse::GramCourse(const polar::View& view, const PolarScale& inverse_norm, Precision precision)
    : record_(view.rows, view.cols, precision == Precision::f64),
      precision_(precision),
      is_regular_(inverse_norm.factor > 0),
      scale_{1, inverse_norm.factor},
      upper_(inverse_norm.factor) {
    if (!is_regular_) return;
    const int exponent = exponent_by(inverse_norm);
    const bool may_underflow = view.dtype == DType::f64;
    scale_ = scale_by(exponent);
    record_.loaded(exponent,
                   may_underflow ? underflow_error(view.rows, view.cols, precision) : Up{0});
}

void GramCourse::take(const polar::ByProducts& sums) {
    if (has_begun_)
        record_.squared(step_, sums);
    else
        record_.formed(sums, false);
    has_begun_ = true;
    narrowing_.begin(record_.sigma_above(two_moment_bound(record_.size(), sums)));
    upper_ = record_.unscaled(narrowing_.upper());
}

void GramCourse::take(const GramLengths& lengths) {
    const Up squares = Moments(record_.gram_sums(), record_.size()).squares.up;
    narrowing_.from_below(
        record_.sigma_below(quotient(record_.size(), squares, lengths.vector, lengths.image)));
}

bool GramCourse::is_done(const Request& request) const {
    if (record_.level() >= limit_of(request)) return true;
    if (request.iterations >= 0) return false;
    return narrowing_.is_done(request.tol) || upper_ <= request.enough;
}

// Its Frobenius norm comes to between 1/2 and 1. Down, elements may become subnormal and be
// rounded.
double GramCourse::begin_squaring() {
    int e = 0;
    std::frexp(record_.sums().squares, &e);
    const int shift = -(e > 0 ? (e + 1) / 2 : e / 2);
    const int64_t n = record_.size();
    const Up rounding = shift < 0 ? underflow_error(n, n, precision_) : Up{0};
    const Up norm = scaled(sqrt(Moments(record_.sums(), n).squares.up), shift) + rounding;
    step_ = {.q = 2 * shift,
             .conversion = scaled(rounding, -shift),
             .product = product_error(n, n, 0, norm * norm, precision_)};
    return std::ldexp(1.0, shift);
}

Interval GramCourse::found() const {
    if (!is_regular_) return {upper_, upper_, 0};
    const double lower = record_.unscaled(narrowing_.lower());
    return {std::min(lower, upper_), upper_, record_.level()};
}

int GramCourse::limit_of(const Request& request) {
    return request.iterations < 0 ? kMostLevels : std::min(request.iterations, kMostLevels);
}

}  // namespace steepest::device
