#include "norms/vectors.h"

#include "norms/levels.h"
#include "norms/rows.h"

namespace steepest::norms {

double dot(const Vector& a, const Vector& b) {
    return sum_of(static_cast<int64_t>(a.size()),
                  [&](int64_t j) { return a[static_cast<size_t>(j)] * b[static_cast<size_t>(j)]; });
}

Vector multiply(const polar::Matrix& A, const Vector& x) {
    const double* from = x.data();
    return over_rows(A, [from](const auto* row, int64_t, int64_t cols) {
        return sum_of(cols, [=](int64_t j) { return static_cast<double>(row[j]) * from[j]; });
    });
}

// Columns are shared out, each summed over the rows in order.
Vector multiply_transposed(const polar::Matrix& A, const Vector& x) {
    constexpr int64_t kWidth = 256;
    Vector y(static_cast<size_t>(A.cols), 0.0);
    with_elements(A, [&](const auto* data) {
        each_index((A.cols + kWidth - 1) / kWidth, A.rows * A.cols, [&](int64_t strip) {
            const int64_t begin = strip * kWidth, end = std::min(begin + kWidth, A.cols);
            for (int64_t i = 0; i < A.rows; ++i) {
                const auto* row = data + i * A.ld;
                const double factor = x[static_cast<size_t>(i)];
                double* to = y.data();
                for (int64_t j = begin; j < end; ++j) to[j] += factor * static_cast<double>(row[j]);
            }
        });
    });
    return y;
}

void normalize(Vector& x) {
    double largest = 0;
    for (const double v : x) largest = std::max(largest, std::abs(v));
    if (largest == 0) return;
    int exponent = 0;
    std::frexp(largest, &exponent);
    for (double& v : x) v = std::ldexp(v, -exponent);
    const double length = std::sqrt(dot(x, x));
    for (double& v : x) v /= length;
}

Vector dominant_column(const polar::Matrix& A) {
    Vector column(static_cast<size_t>(A.rows));
    with_elements(A, [&](const auto* data) {
        int64_t best = 0;
        for (int64_t i = 1; i < A.rows; ++i)
            if (data[i * A.ld + i] > data[best * A.ld + best]) best = i;
        for (int64_t j = 0; j < A.rows; ++j)  // the row, which is the column
            column[static_cast<size_t>(j)] = static_cast<double>(data[best * A.ld + j]);
    });
    return column;
}

Down quotient(const polar::Matrix& A, Up squares, const Vector& v, Vector& image) {
    image = multiply(A, v);
    return quotient(A.rows, squares, dot(v, v), dot(image, image));
}

Down quotient(int64_t size, Up squares, double of_vector, double of_image) {
    const double n = static_cast<double>(size);
    const SumBounds length(of_vector, n), length_of_image(of_image, n);
    if (!(length.down.value > 0)) return {0};
    // Underflow in A v moves each element by n 2^-1074, its length by n^2 2^-1074 at most.
    const Up tiny = Up{n} * Up{n} * Up{tiny_of(Precision::f64)} / sqrt(length.down);
    const Up error = gamma(n + 2, unit_of(Precision::f64)) * sqrt(squares) + tiny;
    return sqrt(length_of_image.down) / sqrt(length.up) - error;
}

}  // namespace steepest::norms
