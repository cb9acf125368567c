// Passes over the rows of a matrix of float or double. Rows are shared out to threads; each row is
// summed by itself and the rows in order, so the bits do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "core/parallel.h"
#include "polar/products.h"

namespace steepest::norms {

// Calls f with the first element, as const float* or const double*.
template <class F>
auto with_elements(const polar::Matrix& A, F&& f) {
    return A.type == polar::Type::f64 ? f(static_cast<const double*>(A.data))
                                      : f(static_cast<const float*>(A.data));
}

// Sum over j of term(j), in eight sums side by side.
template <class F>
double sum_of(int64_t count, F&& term) {
    constexpr int kSums = 8;
    double sum[kSums] = {};
    int64_t j = 0;
    for (; j + kSums <= count; j += kSums)
        for (int k = 0; k < kSums; ++k) sum[k] += term(j + k);
    for (; j < count; ++j) sum[j % kSums] += term(j);
    for (int half = kSums / 2; half > 0; half /= 2)
        for (int k = 0; k < half; ++k) sum[k] += sum[k + half];
    return sum[0];
}

// f(i) for every i below `count`, on threads where `work` elements pay for them.
template <class F>
void each_index(int64_t count, int64_t work, F&& f) {
    const int threads = threads_for(work);
    const auto parts = std::clamp<int64_t>(count / 16, 1, 4 * threads);
    parallel(threads, threads == 1 ? 1 : static_cast<int>(parts), [&](int part, int n) {
        for (int64_t i = count * part / n; i < count * (part + 1) / n; ++i) f(i);
    });
}

// f(row, i, cols) of every row.
template <class F>
std::vector<double> over_rows(const polar::Matrix& A, F&& f) {
    std::vector<double> values(static_cast<size_t>(A.rows));
    with_elements(A, [&](const auto* data) {
        each_index(A.rows, A.rows * A.cols, [&](int64_t i) {
            values[static_cast<size_t>(i)] = f(data + i * A.ld, i, A.cols);
        });
    });
    return values;
}

template <class F>
double sum_over_rows(const polar::Matrix& A, F&& f) {
    double total = 0;
    for (const double v : over_rows(A, f)) total += v;
    return total;
}

template <class F>
double max_over_rows(const polar::Matrix& A, F&& f) {
    double largest = 0;
    for (const double v : over_rows(A, f)) largest = std::max(largest, v);
    return largest;
}

}  // namespace steepest::norms
