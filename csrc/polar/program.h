// The iterations as programs over an engine: the products and passes of the host, or of a device.
//
// An engine has, for batches of matrices of one shape:
//   static int64_t leading(int64_t cols, Type type)            elements from row to row
//   static size_t scratch_bytes(const Batch& A, const Batch& C)
//   static size_t rescale_bytes(const Batch& r)
//   symmetric, symmetric_product, general                      as in products.h
//   copy_plus, split, rescale_rows, rescale_by_schatten4       as in rescale.h, and with scratch
//   gram_steps(r, q, high, low, splits, coefficients, steps)   true if it has taken the Gram matrix
//                                                              through these steps and made of it
//                                                              q, or where it splits high and low
#pragma once

#include <algorithm>
#include <utility>

#include "polar/products.h"
#include "steepest/steepest.h"

namespace steepest::polar {

struct Program {
    int32_t steps;
    const double* coefficients;  // a, b, c of each step
    const int32_t* restarts;
    int32_t restart_count;
    steepest_normalization normalization;
    double safety;
    Type type;  // of the operands

    const double* step(int32_t t) const { return coefficients + 3 * t; }
    bool restarts_after(int32_t t) const {
        return std::find(restarts, restarts + restart_count, t) != restarts + restart_count;
    }
};

// Matrices that are iterated on together.
struct Problem {
    int64_t rows, cols;  // rows <= cols
    steepest_polar_method method;
    int64_t count;

    bool is_gram() const { return method == STEEPEST_POLAR_GRAM; }
    // The Gram method keeps its square matrices in float when the operands are halves: rounded to
    // halves they become indefinite, and the iteration diverges.
    Type square_type(Type t) const { return is_half(t) && is_gram() ? Type::f32 : t; }
};

inline int64_t item_size(Type t) { return t == Type::f64 ? 8 : t == Type::f32 ? 4 : 2; }

// What the matrices of a problem need while they are iterated on, cut from an arena.
template <class Engine>
struct Buffers {
    Batch x, next;        // the iterate, and where the next one goes
    Batch wide;           // of that shape, in float
    Batch r, z, q, w;     // square: Gram matrix, its polynomial, the accumulated factor, spare
    Batch q_high, q_low;  // the factor as the sum of two
    void* scratch_memory = nullptr;
    size_t scratch_size = 0;

    Buffers(const Problem& problem, Type type, Arena& arena) {
        const Type square = problem.square_type(type);
        const bool splits = problem.is_gram() && is_half(type);
        const auto take = [&](bool needed, int64_t cols, Type t) {
            return take_batch(needed, problem, cols, t, arena);
        };
        x = take(true, problem.cols, type);
        next = take(true, problem.cols, type);
        wide = take(splits, problem.cols, Type::f32);
        r = take(true, problem.rows, square);
        z = take(true, problem.rows, square);
        q = take(problem.is_gram(), problem.rows, square);
        w = take(problem.is_gram(), problem.rows, square);
        q_high = take(splits, problem.rows, type);
        q_low = take(splits, problem.rows, type);
        scratch_size = most_scratch();
        scratch_memory = arena.take<char>(static_cast<int64_t>(scratch_size));
    }
    Arena scratch() const { return {scratch_memory, scratch_size}; }

  private:
    static Batch take_batch(bool needed, const Problem& problem, int64_t cols, Type type,
                            Arena& arena) {
        const int64_t ld = Engine::leading(cols, type), stride = problem.rows * ld;
        void* data = arena.take<char>(needed ? problem.count * stride * item_size(type) : 0);
        return {{data, problem.rows, cols, ld, type}, problem.count, stride};
    }
    size_t most_scratch() const {
        return std::max({Engine::scratch_bytes(x, r), Engine::scratch_bytes(r, z),
                         Engine::scratch_bytes(r, next), Engine::scratch_bytes(q_low, wide),
                         Engine::scratch_bytes(q, next), Engine::rescale_bytes(r)});
    }
};

// Takes the normalised matrices in `buffers.x` through all steps, where the results are then.
template <class Engine>
class Iteration {
  public:
    Iteration(const Problem& problem, const Program& program, Buffers<Engine>& buffers,
              Engine& engine)
        : problem_(problem), program_(program), b_(buffers), engine_(engine) {}

    void run() {
        if (problem_.is_gram())
            run_gram();
        else
            run_standard();
    }

  private:
    // Each product has the scratch that the buffers measured, so none can be refused.
    void gram() { engine_.symmetric(b_.x, {1, 0, 0}, nullptr, b_.r, b_.scratch()); }

    // Normalisations that need the Gram matrix: rescales iterate and Gram matrix together.
    void rescale() {
        if (program_.normalization == STEEPEST_AOL)
            engine_.rescale_rows(b_.x, b_.r, program_.safety, b_.scratch());
        else if (program_.normalization == STEEPEST_SCHATTEN4)
            engine_.rescale_by_schatten4(b_.x, b_.r, program_.safety, b_.scratch());
        else
            return;
        // Rounded to halves again, the iterate has another Gram matrix.
        if (is_half(program_.type)) gram();
    }

    // X <- a X + (b R + c R^2) X with R = X X^T.
    void standard_step(const double* k) {
        const double a_k = k[0], b_k = k[1], c_k = k[2];
        if (c_k == 0) {  // cubic: one product less
            engine_.general(b_.r, b_.x, {b_k, a_k, 0}, &b_.x, b_.next, b_.scratch());
        } else {
            engine_.symmetric(b_.r, {c_k, b_k, 0}, &b_.r, b_.z, b_.scratch());
            engine_.general(b_.z, b_.x, {1, a_k, 0}, &b_.x, b_.next, b_.scratch());
        }
        std::swap(b_.x, b_.next);
    }

    void run_standard() {
        for (int32_t t = 0; t < program_.steps; ++t) {
            gram();
            if (t == 0) rescale();
            standard_step(program_.step(t));
        }
    }

    // X <- Q X. With halves for operands Q goes in as the sum of two: rounded to one it would spoil
    // what float kept.
    void apply_factor(bool is_split) {
        if (!is_half(program_.type)) {
            engine_.general(b_.q, b_.x, {1, 0, 0}, nullptr, b_.next, b_.scratch());
        } else {
            if (!is_split) engine_.split(b_.q, b_.q_high, b_.q_low);
            engine_.general(b_.q_low, b_.x, {1, 0, 0}, nullptr, b_.wide, b_.scratch());
            engine_.general(b_.q_high, b_.x, {1, 1, 0}, &b_.wide, b_.next, b_.scratch());
        }
        std::swap(b_.x, b_.next);
    }

    // One step on R and Q, which commute: Z = b R + c R^2, Q <- (Z + a) Q, R <- (Z + a)^2 R. The
    // identity is never stored in Z, whose small entries it would swamp.
    void gram_step(const double* k, bool first, bool last) {
        const double a_k = k[0], b_k = k[1], c_k = k[2];
        engine_.symmetric(b_.r, {c_k, b_k, 0}, &b_.r, b_.z, b_.scratch());
        if (first) {
            engine_.copy_plus(b_.z, a_k, b_.q);
        } else {
            engine_.symmetric_product(b_.q, b_.z, {1, a_k, 0}, &b_.q, b_.w, b_.scratch());
            std::swap(b_.q, b_.w);
        }
        if (last) return;
        engine_.symmetric_product(b_.r, b_.z, {1, a_k, 0}, &b_.r, b_.w, b_.scratch());
        engine_.symmetric_product(b_.z, b_.w, {1, a_k, 0}, &b_.w, b_.r, b_.scratch());
    }

    // Where the steps from t on end: at a restart, or with the last.
    int32_t end_of(int32_t t) const {
        do ++t;
        while (t < program_.steps && !program_.restarts_after(t));
        return t;
    }

    void run_gram() {
        for (int32_t begin = 0, end; begin < program_.steps; begin = end) {
            gram();
            if (begin == 0) rescale();
            end = end_of(begin);
            const bool is_done =
                engine_.gram_steps(b_.r, b_.q, b_.q_high, b_.q_low, is_half(program_.type),
                                   program_.step(begin), end - begin);
            for (int32_t t = begin; t < end && !is_done; ++t)
                gram_step(program_.step(t), t == begin, t + 1 == end);
            apply_factor(is_done);
        }
    }

    const Problem& problem_;
    const Program& program_;
    Buffers<Engine>& b_;
    Engine& engine_;
};

}  // namespace steepest::polar
