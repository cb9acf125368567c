#include "norms/direct.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "norms/batch.h"
#include "norms/lanczos.h"

namespace steepest::norms {
namespace {

// A basis of long vectors that are made orthogonal costs more than the Gram matrix of a short side.
constexpr int64_t kMostAspect = 16;
// Lanes, at least, in which products along a row are summed in float; parts of the rows are
// shorter.
constexpr int64_t kLanes = 8;
constexpr int kSteps = 100;
constexpr double kLeastTol = 0x1p-16;  // some hundred roundings of a float
// Of the tolerance, for the estimated error of the eigenvalue, twice that of its root. The gap to
// the next Ritz value is more than that to the next eigenvalue: the error may be some times as
// large.
constexpr double kShareOfEigenvalue = 0.25;
// Frobenius norms between which no square and no product overflows, or underflows and matters.
constexpr double kLow = 0x1p-30, kHigh = 0x1p30;
// Rows that are summed before they meet others; at most so many such parts of a matrix.
constexpr int64_t kRowsOfPart = 16, kMostParts = 32;

struct Source {
    FloatRows x;
    int exponent;  // it is the caller's times two to this power
};

// The rows in memory, whichever side they are: X^T X and X X^T have the same largest eigenvalue.
bool find_rows(const polar::View& view, const polar::Norm& norm, Source& source) {
    const double size = norm.scaled / norm.power;
    if (view.dtype != DType::f32 || !(size > kLow && size < kHigh)) return false;
    const auto* data = static_cast<const float*>(view.data);
    source.exponent = 0;
    if (view.col_stride == 1) {
        source.x = {data, view.row_stride, view.rows, view.cols};
        return true;
    }
    source.x = {data, view.col_stride, view.cols, view.rows};
    return view.row_stride == 1;
}

// The matrix itself, or a copy in float of a norm near one.
Source source_of(const polar::View& view, const polar::Norm& norm, const Buffers& buffers) {
    Source source{};
    if (find_rows(view, norm, source)) return source;
    const polar::Matrix& to = buffers.x.matrix;
    int of_norm = 0, of_power = 0;
    std::frexp(norm.scaled, &of_norm);
    std::frexp(norm.power, &of_power);
    polar::load(view, norm.power, std::ldexp(1.0, -of_norm), to);
    return {{static_cast<const float*>(to.data), to.ld, to.rows, to.cols}, of_power - 1 - of_norm};
}

// X^T X v. The parts do not depend on the number of threads, and are added in order.
class Normal {
  public:
    Normal(const FloatRows& x, const DirectKernels& kernels)
        : x_(x),
          kernels_(kernels),
          parts_(std::clamp<int64_t>(x.rows / kRowsOfPart, 1, kMostParts)),
          v_(static_cast<size_t>(x.cols)),
          images_(static_cast<size_t>(parts_ * x.cols)) {}

    Vector operator()(const Vector& v) {
        ++reads_;
        std::transform(v.begin(), v.end(), v_.begin(),
                       [](double e) { return static_cast<float>(e); });
        std::fill(images_.begin(), images_.end(), 0.0F);
        parallel(threads_for(x_.rows * x_.cols), static_cast<int>(parts_),
                 [&](int part, int n) { add(part, n); });
        return sum();
    }

    int reads() const { return reads_; }

  private:
    void add(int64_t part, int64_t n) {
        const int64_t begin = x_.rows * part / n, end = x_.rows * (part + 1) / n;
        const FloatRows rows{x_.data + begin * x_.ld, x_.ld, end - begin, x_.cols};
        kernels_.normal(rows, v_.data(), images_.data() + part * x_.cols);
    }

    Vector sum() const {
        Vector total(v_.size(), 0.0);
        for (int64_t part = 0; part < parts_; ++part) {
            const float* image = images_.data() + part * x_.cols;
            for (size_t j = 0; j < total.size(); ++j) total[j] += static_cast<double>(image[j]);
        }
        return total;
    }

    FloatRows x_;
    const DirectKernels& kernels_;
    int64_t parts_;
    std::vector<float> v_, images_;
    int reads_ = 0;
};

}  // namespace

bool suits_direct(const polar::View& view, const Request& request) {
    // Equal terms round alike: a run of n may be off by n roundings.
    const double rounding = static_cast<double>(view.cols / kLanes) * 0x1p-24;
    return request.method == STEEPEST_SPECTRAL_ESTIMATE && request.iterations < 0 &&
           request.tol >= kLeastTol && rounding <= kShareOfEigenvalue * request.tol &&
           view.cols <= kMostAspect * view.rows &&
           view.rows * view.rows * view.cols >= kLargeMatrix;
}

bool estimate_directly(const polar::View& view, const polar::Norm& norm, const Request& request,
                       const Buffers& buffers, const DirectKernels& kernels, Interval& found) {
    const Source source = source_of(view, norm, buffers);
    Normal normal(source.x, kernels);
    // Sums in float are no more orthogonal to the basis than one pass makes them.
    Lanczos lanczos([&](const Vector& v) { return normal(v); }, source.x.cols, 1);
    if (!lanczos.run(kShareOfEigenvalue * request.tol, kSteps)) return false;
    found.lower = std::ldexp(std::sqrt(lanczos.value()), -source.exponent);
    found.upper = std::ldexp(std::sqrt(lanczos.value() + lanczos.error()), -source.exponent);
    found.iterations = -normal.reads();
    return true;
}

}  // namespace steepest::norms
