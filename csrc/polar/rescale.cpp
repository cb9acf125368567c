#include "polar/rescale.h"

#include <cmath>
#include <vector>

#include "core/codecs/bf16.h"
#include "core/parallel.h"

namespace steepest::polar {
namespace {

struct Half {
    uint16_t bits;
};

double get(float x) { return x; }
double get(double x) { return x; }
double get(Half h) { return Bf16::decode(h.bits); }
void put(double x, float& to) { to = static_cast<float>(x); }
void put(double x, double& to) { to = x; }
void put(double x, Half& to) { to.bits = Bf16::nearest(static_cast<float>(x)); }

template <class F>
void with_values(const Matrix& m, F&& f) {
    switch (m.type) {
        case Type::f32:
            return f(static_cast<float*>(m.data));
        case Type::f64:
            return f(static_cast<double*>(m.data));
        case Type::bf16:
            return f(static_cast<Half*>(m.data));
        case Type::f16:  // no product makes one here
            return;
    }
}

// m_ij <- m_ij f(i, j)
template <class F>
void multiply(const Matrix& m, F&& factor) {
    with_values(m, [&](auto* values) {
        for (int64_t i = 0; i < m.rows; ++i)
            for (int64_t j = 0; j < m.cols; ++j) {
                auto& v = values[i * m.ld + j];
                put(get(v) * factor(i, j), v);
            }
    });
}

double inverse_root(double x) { return x == 0 ? 0 : 1 / std::sqrt(x); }

template <class F>
void each_item(const Batch& b, F&& f) {
    const int64_t size = b.matrix.rows * b.matrix.cols;
    const int threads = threads_for(b.count * size);
    const int64_t lines = b.count * b.matrix.rows;
    const int parts = static_cast<int>(lines < 4 * threads ? lines : 4 * threads);
    parallel(threads, parts, [&](int part, int n) {
        for (int64_t line = lines * part / n; line < lines * (part + 1) / n; ++line)
            f(line / b.matrix.rows * b.stride, line % b.matrix.rows);
    });
}

}  // namespace

void rescale_rows(const Matrix& x, const Matrix& r, double safety) {
    std::vector<double> scale(static_cast<size_t>(x.rows));
    with_values(r, [&](const auto* values) {
        for (int64_t i = 0; i < r.rows; ++i) {
            double sum = 0;
            for (int64_t j = 0; j < r.cols; ++j) sum += std::abs(get(values[i * r.ld + j]));
            scale[static_cast<size_t>(i)] = inverse_root(sum) / safety;
        }
    });
    const auto at = [&](int64_t i) { return scale[static_cast<size_t>(i)]; };
    multiply(x, [&](int64_t i, int64_t) { return at(i); });
    multiply(r, [&](int64_t i, int64_t j) { return at(i) * at(j); });
}

void rescale_by_schatten4(const Matrix& x, const Matrix& r, double safety) {
    double squares = 0;
    with_values(r, [&](const auto* values) {
        for (int64_t i = 0; i < r.rows; ++i) {
            double sum = 0;
            for (int64_t j = 0; j < r.cols; ++j)
                sum += get(values[i * r.ld + j]) * get(values[i * r.ld + j]);
            squares += sum;
        }
    });
    const double scale = inverse_root(std::sqrt(squares)) / safety;
    multiply(x, [&](int64_t, int64_t) { return scale; });
    multiply(r, [&](int64_t, int64_t) { return scale * scale; });
}

void copy_plus(const Batch& from, double value, const Batch& to) {
    const int64_t n = from.matrix.cols;
    with_values(from.matrix, [&](auto* values) {
        auto* out = static_cast<decltype(values)>(to.matrix.data);
        each_item(from, [&](int64_t begin, int64_t row) {
            const auto* line = values + begin + row * from.matrix.ld;
            auto* to_line = out + begin + row * to.matrix.ld;
            for (int64_t j = 0; j < n; ++j) to_line[j] = line[j];
            put(get(to_line[row]) + value, to_line[row]);
        });
    });
}

void split(const Batch& from, const Batch& high, const Batch& low) {
    const auto* values = static_cast<const float*>(from.matrix.data);
    auto* upper = static_cast<uint16_t*>(high.matrix.data);
    auto* lower = static_cast<uint16_t*>(low.matrix.data);
    const int64_t n = from.matrix.cols;
    each_item(from, [&](int64_t begin, int64_t row) {
        for (int64_t i = begin + row * n; i < begin + (row + 1) * n; ++i) {
            upper[i] = Bf16::nearest(values[i]);
            lower[i] = Bf16::nearest(values[i] - Bf16::decode(upper[i]));
        }
    });
}

}  // namespace steepest::polar
