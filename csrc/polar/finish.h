// From accumulators to elements of C: the update, the mirror, the by-products and the rounding of
// the storage type.
#pragma once

#include "polar/kernel_table.h"
#include "polar/vectors.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace products {

// Rows of C or D as accumulators.
template <class T>
struct Stored {
    using Element = T;
    static STEEPEST_INLINE Vector<T> read(const T* p, int64_t n) { return load_some(p, n); }
    static STEEPEST_INLINE void write(T* p, Vector<T> v, int64_t n) { store_some(p, v, n); }
};

struct StoredBf16 {
    using Element = uint16_t;
    static constexpr int kLanes = kLanesOf<float>;
    static STEEPEST_INLINE Vector<float> read(const uint16_t* p, int64_t n) {
        return widen(load_some<uint16_t, kLanes>(p, n));
    }
    static STEEPEST_INLINE void write(uint16_t* p, Vector<float> v, int64_t n) {
        store_some<uint16_t, kLanes>(p, narrow(v), n);
    }
};

struct Absent {
    using Element = char;
};

// alpha block + beta D + gamma I, a vector of columns from (r, c) on.
template <class T, int Panel, class D>
struct Updated {
    const polar::Finish& f;
    const T* block;
    Vector<T> alpha = broadcast(static_cast<T>(f.update.alpha));
    Vector<T> beta = broadcast(static_cast<T>(f.update.beta));
    T gamma = static_cast<T>(f.update.gamma);

    STEEPEST_INLINE Vector<T> at(int r, int c) const {
        Vector<T> v = alpha * load(block + r * Panel + c);
        if constexpr (!__is_same(D, Absent)) {
            auto* d = static_cast<const typename D::Element*>(f.d) + r * f.d_ld + c;
            v = multiply_add(beta, D::read(d, f.extent.cols - c), v);
        }
        return v;
    }
};

// In place.
template <class T, int Panel, class D>
STEEPEST_INLINE void update_block(const polar::Finish& f, T* block) {
    const Updated<T, Panel, D> updated{f, block};
    for (int r = 0; r < f.extent.rows; ++r) {
        for (int c = 0; c < f.extent.cols; c += kLanesOf<T>)
            store(block + r * Panel + c, updated.at(r, c));
        if (f.diagonal && r < f.extent.cols) block[r * Panel + r] += updated.gamma;
    }
}

// Updates a square of vectors at (r, c), all in registers, and writes it to C and, transposed, to
// the mirror. The block is brought up to date for the sums only.
template <class T, int Panel, class C, class D, bool Inside>
STEEPEST_INLINE void finish_square(const polar::Finish& f, const Updated<T, Panel, D>& updated,
                                   int r, int c) {
    constexpr int lanes = kLanesOf<T>;
    const int rows = Inside ? lanes : f.extent.rows - r, cols = Inside ? lanes : f.extent.cols - c;
    Vector<T> row[lanes];
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
        if (i >= rows) {
            row[i] = Vector<T>{};
            continue;
        }
        row[i] = updated.at(r + i, c);
        if (f.sums) store(static_cast<T*>(f.block) + (r + i) * Panel + c, row[i]);
        C::write(static_cast<typename C::Element*>(f.c) + (r + i) * f.c_ld + c, row[i], cols);
    }
    if (!f.mirror) return;
    transpose(row);
    auto* mirror = static_cast<typename C::Element*>(f.mirror) + c * f.c_ld + r;
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i)
        if (i < cols) C::write(mirror + i * f.c_ld, row[i], rows);
}

// to = from transposed, both Panel x Panel.
template <class T, int Panel>
STEEPEST_INLINE void transpose_block(const T* from, T* to) {
    constexpr int lanes = kLanesOf<T>;
    for (int r = 0; r < Panel; r += lanes)
        for (int c = 0; c < Panel; c += lanes) {
            Vector<T> row[lanes];
#pragma GCC unroll 16
            for (int i = 0; i < lanes; ++i) row[i] = load(from + (r + i) * Panel + c);
            transpose(row);
#pragma GCC unroll 16
            for (int i = 0; i < lanes; ++i) store(to + (c + i) * Panel + r, row[i]);
        }
}

template <class T, int Panel>
STEEPEST_INLINE void copy_lower_to_upper(T* block, const T* transposed) {
    for (int r = 0; r < Panel; ++r)
        for (int c = 0; c < Panel; ++c)
            block[r * Panel + c] = c > r ? transposed[r * Panel + c] : block[r * Panel + c];
}

template <class T, int Panel, class C>
STEEPEST_INLINE void write_block(const T* block, int rows, int cols, void* to, int64_t ld) {
    constexpr int lanes = kLanesOf<T>;
    for (int r = 0; r < rows; ++r) {
        auto* row = static_cast<typename C::Element*>(to) + r * ld;
        for (int c = 0; c < cols; c += lanes)
            C::write(row + c, load(block + r * Panel + c), cols - c);
    }
}

// Each column is summed by itself, then the columns in order.
template <class T, int Panel>
void sum_block(const polar::Finish& f, const T* block) {
    double column[Panel] = {};
    for (int r = 0; r < f.extent.rows; ++r)
        for (int c = 0; c < Panel; ++c) {
            const double v = c < f.extent.cols ? block[r * Panel + c] : 0;
            column[c] += v * v;
        }
    double squares = 0;
    for (int c = 0; c < Panel; ++c) squares += column[c];
    double trace = 0;
    if (f.diagonal)
        for (int r = 0; r < f.extent.rows && r < f.extent.cols; ++r) trace += block[r * Panel + r];
    *f.sums = {trace, squares};
}

// A block on the diagonal.
template <class T, int Panel, class C, class D>
void finish_in_place(const polar::Finish& f) {
    T* block = static_cast<T*>(f.block);
    update_block<T, Panel, D>(f, block);
    if (f.extent.lower) {
        alignas(kVectorBytes) T transposed[Panel * Panel];
        transpose_block<T, Panel>(block, transposed);
        copy_lower_to_upper<T, Panel>(block, transposed);
    }
    write_block<T, Panel, C>(block, f.extent.rows, f.extent.cols, f.c, f.c_ld);
}

template <class T, int Panel, class C, class D>
void finish_off_diagonal(const polar::Finish& f) {
    constexpr int lanes = kLanesOf<T>;
    const Updated<T, Panel, D> updated{f, static_cast<const T*>(f.block)};
    for (int r = 0; r < f.extent.rows; r += lanes)
        for (int c = 0; c < f.extent.cols; c += lanes)
            if (r + lanes <= f.extent.rows && c + lanes <= f.extent.cols)
                finish_square<T, Panel, C, D, true>(f, updated, r, c);
            else
                finish_square<T, Panel, C, D, false>(f, updated, r, c);
}

template <class T, int Panel, class C, class D>
void finish_block(const polar::Finish& f) {
    if (f.diagonal)
        finish_in_place<T, Panel, C, D>(f);
    else
        finish_off_diagonal<T, Panel, C, D>(f);
    if (f.sums) sum_block<T, Panel>(f, static_cast<const T*>(f.block));
}

template <int Panel, class C>
void finish_float_into(const polar::Finish& f) {
    if (!f.d)
        finish_block<float, Panel, C, Absent>(f);
    else if (f.d_type == polar::Type::bf16)
        finish_block<float, Panel, C, StoredBf16>(f);
    else
        finish_block<float, Panel, C, Stored<float>>(f);
}

template <int Panel>
void finish_float(const polar::Finish& f) {
    if (f.c_type == polar::Type::bf16)
        finish_float_into<Panel, StoredBf16>(f);
    else
        finish_float_into<Panel, Stored<float>>(f);
}

template <int Panel>
void finish_double(const polar::Finish& f) {
    if (f.d)
        finish_block<double, Panel, Stored<double>, Stored<double>>(f);
    else
        finish_block<double, Panel, Stored<double>, Absent>(f);
}

}  // namespace products
}  // namespace STEEPEST_TARGET
}  // namespace steepest
