#include "polar/iteration.h"

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "polar/rescale.h"

namespace steepest::polar {
namespace {

// The Gram method keeps its square matrices in float when the operands are bfloat16: rounded to
// bfloat16 they become indefinite, and the iteration diverges.
Type square_type(const Group& g, const Program& p) {
    const bool widened = p.type == Type::bf16 && g.method == STEEPEST_POLAR_GRAM;
    return widened ? Type::f32 : p.type;
}

int64_t size_of(Type t) { return t == Type::f64 ? 8 : t == Type::f32 ? 4 : 2; }

Batch take_batch(Arena& arena, int64_t count, int64_t rows, int64_t cols, Type type) {
    void* data = arena.take<char>(count * rows * cols * size_of(type));
    return {{data, rows, cols, cols, type}, count, rows * cols};
}

Matrix item(const Batch& b, int64_t i) {
    Matrix m = b.matrix;
    m.data = static_cast<char*>(m.data) + i * b.stride * size_of(m.type);
    return m;
}

// Shares many matrices among the threads; few are worked on one by one by all of them.
template <class F>
void each_matrix(const Group& g, F&& f) {
    const auto count = static_cast<int64_t>(g.views.size());
    const int threads = threads_for(count * g.rows * g.cols);
    if (count < 2 * threads) {
        for (int64_t i = 0; i < count; ++i) f(i);
        return;
    }
    const int parts = static_cast<int>(std::min<int64_t>(count, 8 * threads));
    parallel(threads, parts, [&](int part, int n) {
        for (int64_t i = count * part / n; i < count * (part + 1) / n; ++i) f(i);
    });
}

// Normalises in double before anything is rounded to the type of the iterate. Zero stays zero.
void load_all(const Group& g, const Program& p, const Batch& x) {
    each_matrix(g, [&](int64_t i) {
        const View& v = g.views[static_cast<size_t>(i)];
        Norm norm = frobenius_norm(v);
        if (p.normalization == STEEPEST_BOUND && norm.scaled == norm.scaled)
            norm = split_power(g.bounds[static_cast<size_t>(i)]);
        const double factor = norm.scaled == 0 ? 0 : 1 / (p.safety * norm.scaled);
        load(v, norm.power, factor, item(x, i));
    });
}

void store_all(const Group& g, const Batch& x) {
    each_matrix(g, [&](int64_t i) { store(item(x, i), g.views[static_cast<size_t>(i)]); });
}

// Each product has the scratch that take_buffers measured, so none can be refused.
void gram(Buffers& b) { symmetric(b.x, {1, 0, 0}, nullptr, b.r, b.scratch()); }

// Normalisations that need the Gram matrix: rescales iterate and Gram matrix together.
void rescale_all(const Group& g, const Program& p, Buffers& b) {
    if (p.normalization != STEEPEST_SCHATTEN4 && p.normalization != STEEPEST_AOL) return;
    each_matrix(g, [&](int64_t i) {
        if (p.normalization == STEEPEST_AOL)
            rescale_rows(item(b.x, i), item(b.r, i), p.safety);
        else
            rescale_by_schatten4(item(b.x, i), item(b.r, i), p.safety);
    });
    // Rounded to bfloat16 again, the iterate has another Gram matrix.
    if (p.type == Type::bf16) gram(b);
}

// X <- a X + (b R + c R^2) X with R = X X^T.
void standard_step(const double* k, Buffers& b) {
    const double a_k = k[0], b_k = k[1], c_k = k[2];
    if (c_k == 0) {  // cubic: one product less
        general(b.r, b.x, {b_k, a_k, 0}, &b.x, b.next, b.scratch());
    } else {
        symmetric(b.r, {c_k, b_k, 0}, &b.r, b.z, b.scratch());
        general(b.z, b.x, {1, a_k, 0}, &b.x, b.next, b.scratch());
    }
    std::swap(b.x, b.next);
}

void run_standard(const Group& g, const Program& p, Buffers& b) {
    for (int32_t t = 0; t < p.steps; ++t) {
        gram(b);
        if (t == 0) rescale_all(g, p, b);
        standard_step(p.step(t), b);
    }
}

// X <- Q X. With bfloat16 operands Q goes in as the sum of two: rounded to one it would spoil what
// float kept.
void apply_factor(const Program& p, Buffers& b) {
    if (p.type != Type::bf16) {
        general(b.q, b.x, {1, 0, 0}, nullptr, b.next, b.scratch());
    } else {
        split(b.q, b.q_high, b.q_low);
        general(b.q_low, b.x, {1, 0, 0}, nullptr, b.wide, b.scratch());
        general(b.q_high, b.x, {1, 1, 0}, &b.wide, b.next, b.scratch());
    }
    std::swap(b.x, b.next);
}

// One step on R and Q, which commute: Z = b R + c R^2, Q <- (Z + a) Q, R <- (Z + a)^2 R. The
// identity is never stored in Z, whose small entries it would swamp.
void gram_step(const double* k, bool first, bool last, Buffers& b) {
    const double a_k = k[0], b_k = k[1], c_k = k[2];
    symmetric(b.r, {c_k, b_k, 0}, &b.r, b.z, b.scratch());
    if (first) {
        copy_plus(b.z, a_k, b.q);
    } else {
        symmetric_product(b.q, b.z, {1, a_k, 0}, &b.q, b.w, b.scratch());
        std::swap(b.q, b.w);
    }
    if (last) return;
    symmetric_product(b.r, b.z, {1, a_k, 0}, &b.r, b.w, b.scratch());
    symmetric_product(b.z, b.w, {1, a_k, 0}, &b.w, b.r, b.scratch());
}

void run_gram(const Group& g, const Program& p, Buffers& b) {
    bool fresh = true;  // the Gram matrix belongs to the iterate, and no factor has accumulated
    for (int32_t t = 0; t < p.steps; ++t) {
        if (fresh) gram(b);
        if (t == 0) rescale_all(g, p, b);
        const bool ends = t + 1 == p.steps || p.restarts_after(t + 1);
        gram_step(p.step(t), fresh, ends, b);
        if (ends) apply_factor(p, b);
        fresh = ends;
    }
}

}  // namespace

bool Program::restarts_after(int32_t t) const {
    for (int32_t i = 0; i < restart_count; ++i)
        if (restarts[i] == t) return true;
    return false;
}

Buffers take_buffers(const Group& g, const Program& p, Arena& arena) {
    const auto count = static_cast<int64_t>(g.views.size());
    const Type square = square_type(g, p);
    const bool is_gram = g.method == STEEPEST_POLAR_GRAM;
    const auto wide = [&](bool needed, Type t) {
        return take_batch(arena, needed ? count : 0, g.rows, g.cols, t);
    };
    const auto narrow = [&](bool needed, Type t) {
        return take_batch(arena, needed ? count : 0, g.rows, g.rows, t);
    };
    const bool splits = is_gram && p.type == Type::bf16;
    Buffers b{.x = wide(true, p.type),
              .next = wide(true, p.type),
              .wide = wide(splits, Type::f32),
              .r = narrow(true, square),
              .z = narrow(true, square),
              .q = narrow(is_gram, square),
              .w = narrow(is_gram, square),
              .q_high = narrow(splits, Type::bf16),
              .q_low = narrow(splits, Type::bf16)};
    b.scratch_size =
        std::max({scratch_bytes(b.x, b.r), scratch_bytes(b.r, b.z), scratch_bytes(b.r, b.next),
                  scratch_bytes(b.q_low, b.wide), scratch_bytes(b.q, b.next)});
    b.scratch_memory = arena.take<char>(static_cast<int64_t>(b.scratch_size));
    return b;
}

void orthogonalize(const Group& g, const Program& p, Buffers& b) {
    load_all(g, p, b.x);
    if (g.method == STEEPEST_POLAR_GRAM)
        run_gram(g, p, b);
    else
        run_standard(g, p, b);
    store_all(g, b.x);
}

}  // namespace steepest::polar
