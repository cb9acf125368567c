// Cases of matrix products, arrays for them, and a plain triple loop in long double that they are
// compared with.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/codecs/bf16.h"
#include "core/codecs/f16.h"
#include "polar/products.h"

namespace steepest::polar::cases {

enum class Kind { symmetric, symmetric_product, general };

struct Case {
    Kind kind = Kind::symmetric;
    Type a = Type::f32, c = Type::f32, d = Type::f32;
    int64_t n = 1, k = 1, m = 1, count = 1, padding = 0;
    Update update{1, 0, 0};
    bool with_d = false, in_place = false;
};

inline int checked = 0, wrong = 0;
inline const char* label = "";  // what is being checked

inline void expect(bool good, const char* what, const Case& c) {
    ++checked;
    if (good) return;
    ++wrong;
    std::printf("%s: %s kind %d types %d %d %d n %ld k %ld m %ld count %ld padding %ld\n", what,
                label, static_cast<int>(c.kind), static_cast<int>(c.a), static_cast<int>(c.c),
                static_cast<int>(c.d), static_cast<long>(c.n), static_cast<long>(c.k),
                static_cast<long>(c.m), static_cast<long>(c.count), static_cast<long>(c.padding));
}

inline int64_t size_of_type(Type t) { return t == Type::f64 ? 8 : t == Type::f32 ? 4 : 2; }
inline double epsilon(Type t) {
    return t == Type::f64 ? 0x1p-53 : t == Type::f32 ? 0x1p-24 : t == Type::bf16 ? 0x1p-8 : 0x1p-11;
}

inline uint64_t state = 1;
inline double random_value() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(static_cast<int64_t>(state) >> 11) * 0x1p-52;
}

// A batch in memory of its own, with a gap behind each matrix.
struct Array {
    std::vector<unsigned char> bytes;
    Batch batch;

    Array(int64_t rows, int64_t cols, Type type, int64_t count, int64_t padding) {
        const int64_t ld = cols + padding, stride = rows * ld + padding;
        bytes.assign(static_cast<size_t>(stride * count * size_of_type(type)) + 8, 0xA5);
        batch = {{bytes.data(), rows, cols, ld, type}, count, stride};
    }
    Array(const Array& other) : bytes(other.bytes), batch(other.batch) {
        batch.matrix.data = bytes.data();
    }
    int64_t place(int64_t item, int64_t i, int64_t j) const {
        return item * batch.stride + i * batch.matrix.ld + j;
    }
    double get(int64_t item, int64_t i, int64_t j) const {
        const int64_t p = place(item, i, j);
        const void* data = batch.matrix.data;
        if (batch.matrix.type == Type::f64) return static_cast<const double*>(data)[p];
        if (batch.matrix.type == Type::f32) return static_cast<const float*>(data)[p];
        const uint16_t half = static_cast<const uint16_t*>(data)[p];
        return batch.matrix.type == Type::bf16 ? Bf16::decode(half) : F16::decode(half);
    }
    void set(int64_t item, int64_t i, int64_t j, double v) {
        const int64_t p = place(item, i, j);
        void* data = batch.matrix.data;
        if (batch.matrix.type == Type::f64) static_cast<double*>(data)[p] = v;
        if (batch.matrix.type == Type::f32) static_cast<float*>(data)[p] = static_cast<float>(v);
        if (batch.matrix.type == Type::bf16)
            static_cast<uint16_t*>(data)[p] = Bf16::nearest(static_cast<float>(v));
        if (batch.matrix.type == Type::f16)
            static_cast<uint16_t*>(data)[p] = F16::nearest(static_cast<float>(v));
    }
    void fill(bool as_symmetric) {
        for (int64_t b = 0; b < batch.count; ++b)
            for (int64_t i = 0; i < batch.matrix.rows; ++i)
                for (int64_t j = 0; j < batch.matrix.cols; ++j)
                    set(b, i, j, as_symmetric && j < i ? get(b, j, i) : random_value());
    }
};

struct Operands {
    Array a, b, d, c;

    explicit Operands(const Case& s)
        : a(s.n, s.k, s.a, s.count, s.padding),
          b(s.k, s.m, s.a, s.count, s.padding),
          d(s.n, s.m, s.d, s.count, s.padding),
          c(s.n, s.m, s.c, s.count, 2 * s.padding) {
        a.fill(s.kind == Kind::symmetric_product);
        b.fill(s.kind == Kind::symmetric_product);
        d.fill(s.kind != Kind::general);
        if (s.in_place) c.fill(s.kind != Kind::general);
    }
};

struct Exact {
    long double value, size;  // size: the sum of the absolute values of all terms
};

inline Exact exact(const Case& s, const Operands& o, int64_t item, int64_t i, int64_t j) {
    long double sum = 0, size = 0;
    for (int64_t p = 0; p < s.k; ++p) {
        const long double right =
            s.kind == Kind::symmetric ? o.a.get(item, j, p) : o.b.get(item, p, j);
        const long double term = o.a.get(item, i, p) * right;
        sum += term;
        size += std::fabs(term);
    }
    Exact e{s.update.alpha * sum, std::fabs(s.update.alpha) * size};
    const bool has_d = s.with_d || s.in_place;
    const long double d =
        has_d && s.update.beta != 0 ? s.update.beta * (s.in_place ? o.c : o.d).get(item, i, j) : 0;
    const long double identity = i == j ? s.update.gamma : 0;
    return {e.value + d + identity, e.size + std::fabs(d) + std::fabs(identity)};
}

inline double bound(const Case& s, const Exact& e) {
    const double accumulate = epsilon(s.a == Type::f64 ? Type::f64 : Type::f32);
    // The dot product of bfloat16 takes denormal results for zero.
    const double tiny = s.a == Type::f64 ? 0 : static_cast<double>(s.k + 1) * 0x1p-126;
    const double sums = (static_cast<double>(s.k) + 6) * accumulate * static_cast<double>(e.size);
    if (!is_half(s.c)) return sums + tiny;
    const double stored = std::fabs(static_cast<double>(e.value)) + sums;
    const double smallest = s.c == Type::f16 ? 0x1p-25 : 0;  // half the distance of denormals
    return sums + tiny + epsilon(s.c) * stored + smallest;
}

inline bool is_checked(int64_t n, int64_t i) {
    return n <= 70 || i % 37 == 0 || i + 2 >= n || i == n / 2;
}

// Every element of a small matrix, some rows and columns of a large one.
inline bool close(const Case& s, const Operands& o, const Array& c) {
    for (int64_t b = 0; b < s.count; ++b)
        for (int64_t i = 0; i < s.n; ++i)
            for (int64_t j = 0; j < s.m; ++j) {
                if (!is_checked(s.n, i) || !is_checked(s.m, j)) continue;
                // One triangle decides, since two symmetric matrices of random elements do not
                // commute.
                if (s.kind != Kind::general && j > i) continue;
                const Exact e = exact(s, o, b, i, j);
                const long double error = std::fabs(c.get(b, i, j) - e.value);
                if (!(error <= bound(s, e))) return false;
            }
    return true;
}

inline bool is_symmetric(const Case& s, const Array& c) {
    for (int64_t b = 0; b < s.count; ++b)
        for (int64_t i = 0; i < s.n; ++i)
            for (int64_t j = 0; j < i; ++j)
                if (c.get(b, i, j) != c.get(b, j, i)) return false;
    return true;
}

// Nothing is written between the rows or behind the last one.
inline bool gaps_kept(const Array& before, const Array& after) {
    Array copy = after;
    const Matrix& m = after.batch.matrix;
    for (int64_t b = 0; b < after.batch.count; ++b)
        for (int64_t i = 0; i < m.rows; ++i) {
            const size_t at = static_cast<size_t>(after.place(b, i, 0) * size_of_type(m.type));
            std::memcpy(&copy.bytes[at], &before.bytes[at],
                        static_cast<size_t>(m.cols * size_of_type(m.type)));
        }
    return copy.bytes == before.bytes;
}

inline bool sums_right(const Case& s, const Array& c, const std::vector<ByProducts>& sums) {
    const double tolerance = is_half(s.c) ? 0x1p-7 : 1e-12;
    for (int64_t b = 0; b < s.count; ++b) {
        long double trace = 0, squares = 0, size = 0;
        for (int64_t i = 0; i < s.n; ++i) {
            trace += c.get(b, i, i);
            size += std::fabs(c.get(b, i, i));
            for (int64_t j = 0; j < s.n; ++j) squares += std::pow(c.get(b, i, j), 2);
        }
        const ByProducts& got = sums[static_cast<size_t>(b)];
        if (!(std::fabs(got.trace - trace) <= tolerance * size)) return false;
        if (!(std::fabs(got.squares - squares) <= 2 * tolerance * squares)) return false;
    }
    return true;
}

}  // namespace steepest::polar::cases
