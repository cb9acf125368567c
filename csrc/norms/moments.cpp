#include "norms/moments.h"

#include "norms/rows.h"

namespace steepest::norms {
namespace {

// ||A - mean I||_F^2, which is squares - trace^2/n at the least, and that for mean = trace/n.
Up deviation(const polar::Matrix& A, double mean) {
    const double n = static_cast<double>(A.rows);
    const double computed = sum_over_rows(A, [mean](const auto* row, int64_t i, int64_t cols) {
        const double d = static_cast<double>(row[i]) - mean;
        return sum_of(cols,
                      [row, i](int64_t j) {
                          const double v = j == i ? 0 : static_cast<double>(row[j]);
                          return v * v;
                      }) +
               d * d;
    });
    return SumBounds(computed, n * n + n).up;
}

// ||A||_F^2 - trace^2/n.
Up spread_of(const Moments& m, int64_t n) {
    return m.squares.up - m.trace.down * m.trace.down / Up{static_cast<double>(n)};
}

Up bound_by(const Moments& m, int64_t size, Up spread) {
    const double n = static_cast<double>(size);
    return m.trace.up / Down{n} + sqrt(Up{n - 1} / Down{n} * spread);
}

}  // namespace

Up two_moment_bound(const polar::Matrix& A, const polar::ByProducts& sums) {
    constexpr double kMostCancelled = 0x1p-26;
    const Moments m(sums, A.rows);
    Up spread = spread_of(m, A.rows);
    const double lost = m.squares.up.value - m.squares.down.value;
    if (lost > kMostCancelled * spread.value)
        spread = deviation(A, sums.trace / static_cast<double>(A.rows));
    return bound_by(m, A.rows, spread);
}

Up two_moment_bound(int64_t n, const polar::ByProducts& sums) {
    const Moments m(sums, n);
    return bound_by(m, n, spread_of(m, n));
}

Up norm_bound(int64_t n, const polar::ByProducts& sums) {
    return sqrt(Moments(sums, n).squares.up);
}

double moment_estimate(const polar::ByProducts& sums) {
    return sums.trace > 0 ? sums.squares / sums.trace : 0;
}

Up row_sum_bound(const polar::Matrix& A) {
    const double largest = max_over_rows(A, [](const auto* row, int64_t, int64_t cols) {
        return sum_of(cols, [row](int64_t j) { return std::abs(static_cast<double>(row[j])); });
    });
    return row_sum_bound(A.cols, largest);
}

Up row_sum_bound(int64_t n, double largest) {
    return SumBounds(largest, static_cast<double>(n)).up;
}

}  // namespace steepest::norms
