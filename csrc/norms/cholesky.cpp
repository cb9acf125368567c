// Columns in strips from left to right: a strip takes off the product of all columns before it, in
// one matrix product, then its diagonal block is factorised and the rows below solved with it.
#include "norms/cholesky.h"

#include <algorithm>
#include <cmath>

#include "norms/rows.h"

namespace steepest::norms {
namespace {

constexpr int64_t kStrip = 48;
constexpr int kRows = 8;  // solved side by side

template <class T>
constexpr polar::Type kType = sizeof(T) == 8 ? polar::Type::f64 : polar::Type::f32;

template <class T>
struct Factorization {
    T* a;
    int64_t n;

    T* at(int64_t i, int64_t j) const { return a + i * n + j; }
    polar::Batch part(int64_t i, int64_t j, int64_t rows, int64_t cols) const {
        return {{at(i, j), rows, cols, n, kType<T>}, 1, 0};
    }
};

// lambda I - A on and below the diagonal.
template <class T>
void subtract(const polar::Matrix& A, double lambda, const Factorization<T>& f) {
    each_index(f.n, f.n * f.n / 2, [&](int64_t i) {
        const T* from = static_cast<const T*>(A.data) + i * A.ld;
        T* to = f.at(i, 0);
        for (int64_t j = 0; j < i; ++j) to[j] = -from[j];
        to[i] = static_cast<T>(lambda) - from[i];
    });
}

// rows -= (rows before) (strip's rows before)^T, for the strip at `begin`.
template <class T>
void subtract_product(const Factorization<T>& f, int64_t begin, int64_t width, Arena arena) {
    T* transposed = arena.take<T>(begin * width);
    for (int64_t j = 0; j < width; ++j)
        for (int64_t k = 0; k < begin; ++k) transposed[k * width + j] = *f.at(begin + j, k);
    const polar::Batch left = f.part(begin, 0, f.n - begin, begin);
    const polar::Batch right{{transposed, begin, width, width, kType<T>}, 1, 0};
    const polar::Batch strip = f.part(begin, begin, f.n - begin, width);
    const int64_t bytes = static_cast<int64_t>(polar::scratch_bytes(left, strip));
    polar::general(left, right, {-1, 1, 0}, &strip, strip,
                   {arena.take<char>(bytes), static_cast<size_t>(bytes)});
}

// The block at (begin, begin), row by row. False at a pivot that is not positive.
template <class T>
bool factorize_block(const Factorization<T>& f, int64_t begin, int64_t width) {
    for (int64_t i = 0; i < width; ++i) {
        T* row = f.at(begin + i, begin);
        for (int64_t j = 0; j <= i; ++j) {
            const T* other = f.at(begin + j, begin);
            T rest = row[j];
            for (int64_t k = 0; k < j; ++k) rest -= row[k] * other[k];
            if (j == i && !(rest > 0)) return false;
            row[j] = j == i ? std::sqrt(rest) : rest / other[j];
        }
    }
    return true;
}

// kRows rows from `begin` on of X with X L^T = B, in place; L is width x width.
template <class T>
void solve_rows(const Factorization<T>& f, const T* L, int64_t width, T* first, int64_t rows) {
    T x[kStrip][kRows] = {};
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t k = 0; k < width; ++k) x[k][r] = first[r * f.n + k];
    for (int64_t k = 0; k < width; ++k) {
        const T* row = L + k * f.n;
        T rest[kRows];
        for (int r = 0; r < kRows; ++r) rest[r] = x[k][r];
        for (int64_t l = 0; l < k; ++l)
            for (int r = 0; r < kRows; ++r) rest[r] -= row[l] * x[l][r];
        for (int r = 0; r < kRows; ++r) x[k][r] = rest[r] / row[k];
    }
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t k = 0; k < width; ++k) first[r * f.n + k] = x[k][r];
}

template <class T>
void solve_below(const Factorization<T>& f, int64_t begin, int64_t width) {
    const int64_t first = begin + width, rows = f.n - first;
    each_index((rows + kRows - 1) / kRows, rows * width, [&](int64_t group) {
        const int64_t i = first + group * kRows;
        solve_rows(f, f.at(begin, begin), width, f.at(i, begin), std::min<int64_t>(kRows, f.n - i));
    });
}

template <class T>
bool factorize(const Factorization<T>& f, const Arena& scratch) {
    for (int64_t begin = 0; begin < f.n; begin += kStrip) {
        const int64_t width = std::min(kStrip, f.n - begin);
        if (begin > 0) subtract_product(f, begin, width, scratch);
        if (!factorize_block(f, begin, width)) return false;
        solve_below(f, begin, width);
    }
    return true;
}

template <class T>
bool is_below(const polar::Matrix& A, double lambda, const polar::Matrix& work,
              const Arena& scratch) {
    const Factorization<T> f{static_cast<T*>(work.data), A.rows};
    subtract(A, lambda, f);
    return factorize(f, scratch);
}

// Elements that underflow on the way are off by less than tiny each, n products, a quotient and a
// root to an element.
Up error_bound(int64_t size, double lambda, Precision p) {
    const double n = static_cast<double>(size), unit = unit_of(p);
    const Up trace = Up{n} * (Up{lambda} * (Up{1} + Up{2 * unit}));
    const Up relative = gamma(n + 8, unit);
    if (!(relative.value < 0.5)) return {std::numeric_limits<double>::infinity()};
    const Up tiny = Up{2 * n} * (Up{n + 4} * Up{tiny_of(p)});
    return relative / (Down{1} - relative) * trace + Up{2 * unit} * Up{lambda} + tiny;
}

}  // namespace

size_t cholesky_bytes(int64_t n, Precision p) {
    const auto type = p == Precision::f64 ? polar::Type::f64 : polar::Type::f32;
    size_t most = 0;
    for (int64_t begin = kStrip; begin < n; begin += kStrip) {
        const int64_t width = std::min(kStrip, n - begin);
        Arena arena(nullptr, 0);
        arena.take<double>(begin * width);
        const polar::Batch left{{nullptr, n - begin, begin, n, type}, 1, 0};
        const polar::Batch strip{{nullptr, n - begin, width, n, type}, 1, 0};
        arena.take<char>(static_cast<int64_t>(polar::scratch_bytes(left, strip)));
        most = std::max(most, arena.used());
    }
    return most;
}

bool has_no_eigenvalue_above(double lambda, const polar::Matrix& A, const polar::Matrix& work,
                             const Arena& scratch) {
    if (A.type == polar::Type::f32) return is_below<float>(A, lambda, work, scratch);
    const Down mu = Down{lambda} - error_bound(A.rows, lambda, Precision::f64);
    return mu.value > 0 && is_below<double>(A, mu.value, work, scratch);
}

}  // namespace steepest::norms
