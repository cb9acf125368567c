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

Batch take_matrix(Arena& arena, bool needed, int64_t rows, int64_t cols, Type type) {
    void* data = arena.take<char>(needed ? rows * cols * size_of(type) : 0);
    return {{data, rows, cols, cols, type}, 1, rows * cols};
}

// What one matrix needs while it is iterated on, cut from an arena.
struct Buffers {
    Batch x, next;        // the iterate, and where the next one goes
    Batch wide;           // of that shape, in float
    Batch r, z, q, w;     // square: Gram matrix, its polynomial, the accumulated factor, spare
    Batch q_high, q_low;  // the factor as the sum of two
    void* scratch_memory = nullptr;
    size_t scratch_size = 0;

    Buffers(const Group& g, const Program& p, Arena& arena);
    Arena scratch() const { return {scratch_memory, scratch_size}; }
};

Buffers::Buffers(const Group& g, const Program& p, Arena& arena) {
    const Type square = square_type(g, p);
    const bool is_gram = g.method == STEEPEST_POLAR_GRAM;
    const auto wide_one = [&](bool needed, Type t) {
        return take_matrix(arena, needed, g.rows, g.cols, t);
    };
    const auto square_one = [&](bool needed, Type t) {
        return take_matrix(arena, needed, g.rows, g.rows, t);
    };
    const bool splits = is_gram && p.type == Type::bf16;
    x = wide_one(true, p.type);
    next = wide_one(true, p.type);
    wide = wide_one(splits, Type::f32);
    r = square_one(true, square);
    z = square_one(true, square);
    q = square_one(is_gram, square);
    w = square_one(is_gram, square);
    q_high = square_one(splits, Type::bf16);
    q_low = square_one(splits, Type::bf16);
    scratch_size = std::max({scratch_bytes(x, r), scratch_bytes(r, z), scratch_bytes(r, next),
                             scratch_bytes(q_low, wide), scratch_bytes(q, next)});
    scratch_memory = arena.take<char>(static_cast<int64_t>(scratch_size));
}

size_t buffer_bytes(const Group& g, const Program& p) {
    Arena measured(nullptr, 0);
    const Buffers buffers(g, p, measured);
    return measured.used();
}

// Small matrices are shared out: each thread takes its own from beginning to end, so that they stay
// in its cache and no product waits for another thread. Others are worked on one by one, by all
// threads.
struct Sharing {
    // An iteration has many products to wait at, so it pays for larger matrices than one product.
    static constexpr int64_t kLarger = 8;

    int threads;
    int64_t parts;

    explicit Sharing(const Group& g) {
        const auto count = static_cast<int64_t>(g.views.size());
        const int64_t multiplications = g.rows * g.rows * g.cols;
        threads = threads_for_products(multiplications * count);
        parts = matrices_at_a_time(multiplications / kLarger, count);
    }
};

// Normalises in double before anything is rounded to the type of the iterate. Zero stays zero.
void load_normalized(const Group& g, const Program& p, size_t i, const Matrix& x) {
    const View& v = g.views[i];
    Norm norm = frobenius_norm(v);
    if (p.normalization == STEEPEST_BOUND && norm.scaled == norm.scaled)
        norm = split_power(g.bounds[i]);
    const double factor = norm.scaled == 0 ? 0 : 1 / (p.safety * norm.scaled);
    load(v, norm.power, factor, x);
}

// Each product has the scratch that the buffers measured, so none can be refused.
void gram(Buffers& b) { symmetric(b.x, {1, 0, 0}, nullptr, b.r, b.scratch()); }

// Normalisations that need the Gram matrix: rescales iterate and Gram matrix together.
void rescale(const Program& p, Buffers& b) {
    if (p.normalization == STEEPEST_AOL)
        rescale_rows(b.x.matrix, b.r.matrix, p.safety);
    else if (p.normalization == STEEPEST_SCHATTEN4)
        rescale_by_schatten4(b.x.matrix, b.r.matrix, p.safety);
    else
        return;
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

void run_standard(const Program& p, Buffers& b) {
    for (int32_t t = 0; t < p.steps; ++t) {
        gram(b);
        if (t == 0) rescale(p, b);
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

void run_gram(const Program& p, Buffers& b) {
    bool fresh = true;  // the Gram matrix belongs to the iterate, and no factor has accumulated
    for (int32_t t = 0; t < p.steps; ++t) {
        if (fresh) gram(b);
        if (t == 0) rescale(p, b);
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

size_t workspace_bytes(const Group& g, const Program& p) {
    return static_cast<size_t>(Sharing(g).parts) * buffer_bytes(g, p);
}

void orthogonalize(const Group& g, const Program& p, void* workspace) {
    const Sharing sharing(g);
    const size_t bytes = buffer_bytes(g, p);
    const size_t count = g.views.size();
    const auto run = [&](size_t part, size_t parts) {
        Arena arena(static_cast<char*>(workspace) + part * bytes, bytes);
        Buffers b(g, p, arena);
        for (size_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
            load_normalized(g, p, i, b.x.matrix);
            if (g.method == STEEPEST_POLAR_GRAM)
                run_gram(p, b);
            else
                run_standard(p, b);
            store(b.x.matrix, g.views[i]);
        }
    };
    if (sharing.parts == 1) return run(0, 1);
    parallel(sharing.threads, static_cast<int>(sharing.parts), [&](int part, int parts) {
        run(static_cast<size_t>(part), static_cast<size_t>(parts));
    });
}

}  // namespace steepest::polar
