// The loops of symbol_table.h. Included once by each file in targets/, which sets the target and
// its flags.
#pragma once

#include "norms/symbol_table.h"
#include "polar/vectors.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace symbols {

using norms::kRun;
using norms::triangle;
using products::broadcast;
using products::load;
using products::multiply_add;
using products::store;

using V = products::Vector<float>;
inline constexpr int kLanes = products::kLanesOf<float>;
inline constexpr int kElement = 2 * kLanes;
// Elements that are transformed together: the waves are loaded once for all.
inline constexpr int kTogether = 4;

struct Complex {
    V re, im;
};

STEEPEST_INLINE Complex load_element(const float* p) { return {load(p), load(p + kLanes)}; }
STEEPEST_INLINE void store_element(float* p, Complex z) {
    store(p, z.re);
    store(p + kLanes, z.im);
}

// From `taps` weights each: sums of the first and the last, the second and the last but one..., the
// middle one as it is; then their differences.
inline void fold(const float* kernel, int64_t count, int64_t taps, float* folded) {
    const int64_t pairs = taps / 2, terms = taps - pairs;
    for (; count > 0; --count, kernel += taps, folded += 2 * terms) {
        for (int64_t t = 0; t < pairs; ++t) folded[t] = kernel[t] + kernel[taps - 1 - t];
        for (int64_t t = 0; t < pairs; ++t) folded[terms + t] = kernel[t] - kernel[taps - 1 - t];
        if (terms > pairs) folded[pairs] = kernel[pairs], folded[terms + pairs] = 0;
    }
}

template <int N>
STEEPEST_INLINE void transform_some(const float* kernel, int64_t terms, const float* waves,
                                    float* to) {
    V re[N] = {}, im[N] = {};
    for (int64_t t = 0; t < terms; ++t) {
        const Complex wave = load_element(waves + t * kElement);
        const float* weight = kernel + t;
#pragma GCC unroll 8
        for (int p = 0; p < N; ++p, weight += 2 * terms) {
            re[p] = multiply_add(broadcast(weight[0]), wave.re, re[p]);
            im[p] = multiply_add(broadcast(weight[terms]), wave.im, im[p]);
        }
    }
#pragma GCC unroll 8
    for (int p = 0; p < N; ++p) store_element(to + p * kElement, {re[p], im[p]});
}

inline void transform(const norms::KernelPart& kernel, const float* waves, float* panel) {
    const int64_t terms = kernel.terms;
    for (int64_t i = 0; i < kernel.rows; ++i) {
        const float* from = kernel.data + i * kernel.ld;
        float* to = panel + i * kRun * kElement;
        int64_t j = 0;
        for (; j + kTogether <= kernel.cols; j += kTogether)
            transform_some<kTogether>(from + 2 * j * terms, terms, waves, to + j * kElement);
        for (; j < kernel.cols; ++j)
            transform_some<1>(from + 2 * j * terms, terms, waves, to + j * kElement);
    }
}

// Two rows by two.
struct Tile {
    Complex at[2][2];
};

// sum over k of a_k conj(b_k), for rows a and b.
STEEPEST_INLINE Tile dots(const float* a0, const float* a1, const float* b0, const float* b1,
                          int64_t n) {
    V re00{}, re01{}, re10{}, re11{}, im00{}, im01{}, im10{}, im11{};
    for (int64_t k = 0; k < n; ++k) {
        const Complex x = load_element(a0 + k * kElement), y = load_element(a1 + k * kElement);
        const Complex p = load_element(b0 + k * kElement), q = load_element(b1 + k * kElement);
        re00 = multiply_add(x.re, p.re, re00);
        im00 = multiply_add(x.im, p.re, im00);
        re10 = multiply_add(y.re, p.re, re10);
        im10 = multiply_add(y.im, p.re, im10);
        re01 = multiply_add(x.re, q.re, re01);
        im01 = multiply_add(x.im, q.re, im01);
        re11 = multiply_add(y.re, q.re, re11);
        im11 = multiply_add(y.im, q.re, im11);
        re00 = multiply_add(x.im, p.im, re00);
        im00 = multiply_add(-x.re, p.im, im00);
        re10 = multiply_add(y.im, p.im, re10);
        im10 = multiply_add(-y.re, p.im, im10);
        re01 = multiply_add(x.im, q.im, re01);
        im01 = multiply_add(-x.re, q.im, im01);
        re11 = multiply_add(y.im, q.im, re11);
        im11 = multiply_add(-y.re, q.im, im11);
    }
    return {{{{re00, im00}, {re01, im01}}, {{re10, im10}, {re11, im11}}}};
}

// Leaves z in registers, of which there are enough here: GCC would read it from memory again for
// every use, and wait for that rather than for the products.
STEEPEST_INLINE void keep([[maybe_unused]] Complex& z) {
#if defined(__AVX512F__)
    asm("" : "+v"(z.re), "+v"(z.im));
#endif
}

// The same, in three real products for each complex one: with s = re + im of a and d = re - im of b
// the imaginary part is that of s d less re re, plus im im.
STEEPEST_INLINE Tile dots_of_three(const float* a0, const float* a1, const float* b0,
                                   const float* b1, int64_t n) {
    V re00{}, re01{}, re10{}, re11{}, im00{}, im01{}, im10{}, im11{}, sd00{}, sd01{}, sd10{},
        sd11{};
    for (int64_t k = 0; k < n; ++k) {
        Complex p = load_element(b0 + k * kElement), q = load_element(b1 + k * kElement);
        keep(p);
        keep(q);
        const V dp = p.re - p.im, dq = q.re - q.im;
        Complex x = load_element(a0 + k * kElement);
        keep(x);
        re00 = multiply_add(x.re, p.re, re00);
        re01 = multiply_add(x.re, q.re, re01);
        im00 = multiply_add(x.im, p.im, im00);
        im01 = multiply_add(x.im, q.im, im01);
        const V sx = x.re + x.im;
        sd00 = multiply_add(sx, dp, sd00);
        sd01 = multiply_add(sx, dq, sd01);
        Complex y = load_element(a1 + k * kElement);
        keep(y);
        re10 = multiply_add(y.re, p.re, re10);
        re11 = multiply_add(y.re, q.re, re11);
        im10 = multiply_add(y.im, p.im, im10);
        im11 = multiply_add(y.im, q.im, im11);
        const V sy = y.re + y.im;
        sd10 = multiply_add(sy, dp, sd10);
        sd11 = multiply_add(sy, dq, sd11);
    }
    return {{{{re00 + im00, sd00 - re00 + im00}, {re01 + im01, sd01 - re01 + im01}},
             {{re10 + im10, sd10 - re10 + im10}, {re11 + im11, sd11 - re11 + im11}}}};
}

STEEPEST_INLINE void add_at(float* p, Complex z) {
    const Complex before = load_element(p);
    store_element(p, {before.re + z.re, before.im + z.im});
}

// Rows i and i + 1 of the triangle against j and j + 1, j <= i.
STEEPEST_INLINE void add_tile(const float* panel, int64_t cols, int64_t i, int64_t j, float* gram) {
    constexpr int64_t kRow = kRun * kElement;
    const float *a = panel + i * kRow, *b = panel + j * kRow;
    const Tile t = dots_of_three(a, a + kRow, b, b + kRow, cols);
    float* upper = gram + (triangle(i) + j) * kElement;
    float* lower = gram + (triangle(i + 1) + j) * kElement;
    add_at(upper, t.at[0][0]);
    if (j < i) add_at(upper + kElement, t.at[0][1]);
    add_at(lower, t.at[1][0]);
    add_at(lower + kElement, t.at[1][1]);
}

// Four rows go along all others, so that those are read half as often.
inline void add_gram(const float* panel, int64_t rows, int64_t cols, float* gram) {
    for (int64_t i = 0; i < rows; i += 4) {
        const bool has_four = i + 2 < rows;
        for (int64_t j = 0; j <= i; j += 2) {
            add_tile(panel, cols, i, j, gram);
            if (has_four) add_tile(panel, cols, i + 2, j, gram);
        }
        if (has_four) add_tile(panel, cols, i + 2, i + 2, gram);
    }
}

STEEPEST_INLINE void add_times(Complex g, Complex x, Complex& sum) {
    sum.re = multiply_add(g.re, x.re, sum.re);
    sum.im = multiply_add(g.re, x.im, sum.im);
    sum.re = multiply_add(-g.im, x.im, sum.re);
    sum.im = multiply_add(g.im, x.re, sum.im);
}

STEEPEST_INLINE void add_conjugate_times(Complex g, Complex x, Complex& sum) {
    add_times({g.re, -g.im}, x, sum);
}

// y += gram v, by the rows of the triangle and, for what lies above, its columns. Two rows go
// together, so that v and y are read half as often.
inline void add_product(const float* gram, int64_t rows, const float* v, float* y) {
    for (int64_t i = 0; i < rows; i += 2) {
        const float *first = gram + triangle(i) * kElement,
                    *second = gram + triangle(i + 1) * kElement;
        const Complex x = load_element(v + i * kElement), z = load_element(v + (i + 1) * kElement);
        Complex of_first{}, of_second{};
        for (int64_t j = 0; j < i; ++j) {
            const Complex g = load_element(first + j * kElement);
            const Complex h = load_element(second + j * kElement);
            const Complex w = load_element(v + j * kElement);
            Complex other = load_element(y + j * kElement);
            add_times(g, w, of_first);
            add_times(h, w, of_second);
            add_conjugate_times(g, x, other);
            add_conjugate_times(h, z, other);
            store_element(y + j * kElement, other);
        }
        const Complex between = load_element(second + i * kElement);
        const V d = load(first + i * kElement);  // real, as the next
        const V e = load(second + (i + 1) * kElement);
        add_times({d, V{}}, x, of_first);
        add_conjugate_times(between, z, of_first);
        add_times(between, x, of_second);
        add_times({e, V{}}, z, of_second);
        add_at(y + i * kElement, of_first);
        add_at(y + (i + 1) * kElement, of_second);
    }
}

STEEPEST_INLINE V root(V x) {
    V y{};
#pragma GCC unroll 16
    for (int l = 0; l < kLanes; ++l) y[l] = __builtin_sqrtf(x[l]);
    return y;
}

STEEPEST_INLINE V positive_or_one(V x) { return x > V{} ? x : broadcast(1.0f); }

inline void lanczos(const float* gram, int64_t rows, const float* v, float* previous, float* alpha,
                    float* beta) {
    const V before = load(beta);
    for (int64_t k = 0; k < 2 * rows; ++k)
        store(previous + k * kLanes, -before * load(previous + k * kLanes));
    add_product(gram, rows, v, previous);
    V along{}, squares{};
    for (int64_t k = 0; k < 2 * rows; ++k)
        along = multiply_add(load(v + k * kLanes), load(previous + k * kLanes), along);
    for (int64_t k = 0; k < 2 * rows; ++k) {
        const V rest = load(previous + k * kLanes) - along * load(v + k * kLanes);
        squares = multiply_add(rest, rest, squares);
        store(previous + k * kLanes, rest);
    }
    const V length = root(squares), factor = 1 / positive_or_one(length);
    for (int64_t k = 0; k < 2 * rows; ++k)
        store(previous + k * kLanes, factor * load(previous + k * kLanes));
    store(alpha, along);
    store(beta, length);
}

// minus gram at rows i, i + 1 and columns j, j + 1, less what the columns before j take off.
STEEPEST_INLINE Tile rest_of(const float* gram, int64_t i, int64_t j) {
    const float *a0 = gram + triangle(i) * kElement, *a1 = gram + triangle(i + 1) * kElement;
    const float *b0 = gram + triangle(j) * kElement, *b1 = gram + triangle(j + 1) * kElement;
    Tile sum{};
    sum.at[0][0] = load_element(a0 + j * kElement);
    if (j < i) sum.at[0][1] = load_element(a0 + (j + 1) * kElement);
    sum.at[1][0] = load_element(a1 + j * kElement);
    sum.at[1][1] = load_element(a1 + (j + 1) * kElement);
    for (int64_t k = 0; k < j; k += kRun) {
        const int64_t at = k * kElement, n = j - k < kRun ? j - k : kRun;
        const Tile t = dots(a0 + at, a1 + at, b0 + at, b1 + at, n);
#pragma GCC unroll 4
        for (int c = 0; c < 4; ++c) {
            sum.at[c / 2][c % 2].re += t.at[c / 2][c % 2].re;
            sum.at[c / 2][c % 2].im += t.at[c / 2][c % 2].im;
        }
    }
    return sum;
}

// The factor at rows i, i + 1 and columns j, j + 1, j < i. The signs are those of `rest`.
STEEPEST_INLINE void solve_tile(float* gram, int64_t i, int64_t j, const float* inverses) {
    const Tile rest = rest_of(gram, i, j);
    const V first = load(inverses + j * kLanes), second = load(inverses + (j + 1) * kLanes);
    const Complex b = load_element(gram + (triangle(j + 1) + j) * kElement);
#pragma GCC unroll 2
    for (int a = 0; a < 2; ++a) {
        float* to = gram + (triangle(i + a) + j) * kElement;
        const Complex x = {-rest.at[a][0].re * first, -rest.at[a][0].im * first};
        const V re = rest.at[a][1].re + (x.re * b.re + x.im * b.im);
        const V im = rest.at[a][1].im + (x.im * b.re - x.re * b.im);
        store_element(to, x);
        store_element(to + kElement, {-re * second, -im * second});
    }
}

STEEPEST_INLINE uint32_t lanes_not_positive(V pivot) {
    uint32_t lanes = 0;
    for (int l = 0; l < kLanes; ++l) lanes |= static_cast<uint32_t>(!(pivot[l] > 0)) << l;
    return lanes;
}

// A pivot becomes an element of the diagonal, and its inverse.
STEEPEST_INLINE uint32_t take_root(V pivot, float* diagonal, float* inverse) {
    const V length = root(positive_or_one(pivot));
    store_element(diagonal, {length, V{}});
    store(inverse, 1 / length);
    return lanes_not_positive(pivot);
}

STEEPEST_INLINE uint32_t factorize_tile(float* gram, int64_t i, V mu, float* inverses) {
    const Tile rest = rest_of(gram, i, i);
    float* upper = gram + (triangle(i) + i) * kElement;
    float* lower = gram + (triangle(i + 1) + i) * kElement;
    uint32_t failed = take_root(mu - rest.at[0][0].re, upper, inverses + i * kLanes);
    const V first = load(inverses + i * kLanes);
    const Complex x = {-rest.at[1][0].re * first, -rest.at[1][0].im * first};
    store_element(lower, x);
    const V pivot = mu - (rest.at[1][1].re + (x.re * x.re + x.im * x.im));
    failed |= take_root(pivot, lower + kElement, inverses + (i + 1) * kLanes);
    return failed;
}

inline uint32_t factorize(float* gram, int64_t rows, const float* mu, float* inverses) {
    uint32_t failed = 0;
    for (int64_t i = 0; i < rows; i += 2) {
        for (int64_t j = 0; j < i; j += 2) solve_tile(gram, i, j, inverses);
        failed |= factorize_tile(gram, i, load(mu), inverses);
    }
    return failed;
}

const norms::SymbolKernels& symbol_kernels() {
    static constexpr norms::SymbolKernels kernels = {kLanes,   fold,    transform,
                                                     add_gram, lanczos, factorize};
    return kernels;
}

}  // namespace symbols
}  // namespace STEEPEST_TARGET
}  // namespace steepest
