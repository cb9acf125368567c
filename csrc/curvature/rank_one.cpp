#include "curvature/rank_one.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/pieces.h"
#include "curvature/rank_one_form.h"

namespace steepest::curvature {
namespace {

constexpr int64_t kMostBlocks = kMostRows / kBlock;

char* row_of(const RankOneCall& call, int64_t i) {
    return static_cast<char*>(call.matrix) + i * call.n * (call.is_f64 ? 8 : 4);
}

// visit(first row, last) for shares of the rows, the same shares at every call.
template <class F>
void for_rows(const RankOneCall& call, F&& visit) {
    const int64_t elements = call.n * call.n;
    const int threads = threads_for(elements);
    const auto parts =
        std::min<int64_t>(parts_for(threads, elements), std::max<int64_t>(call.n, 1));
    parallel(threads, static_cast<int>(parts),
             [&](int part, int n) { visit(call.n * part / n, call.n * (part + 1) / n); });
}

void raise(std::atomic<uint64_t>& largest, uint64_t bits) {
    uint64_t known = largest.load(std::memory_order_relaxed);
    while (bits > known && !largest.compare_exchange_weak(known, bits, std::memory_order_relaxed)) {
    }
}

double magnitude(const RankOneCall& call, uint64_t bits) {
    return call.is_f64 ? std::bit_cast<double>(bits)
                       : static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits)));
}

double largest_of(const RankOneCall& call, const RankOneKernels& kernels) {
    std::atomic<uint64_t> largest = 0;
    for_rows(call, [&](int64_t begin, int64_t end) {
        uint64_t found = 0;
        kernels.largest[call.is_f64](row_of(call, begin), (end - begin) * call.n, &found);
        raise(largest, found);
    });
    return magnitude(call, largest.load());
}

// Rows [i, i + count), which those `rows_on` further come after.
Rows rows_of(const RankOneCall& call, int64_t i, int64_t count, int64_t rows_on) {
    return {row_of(call, i), call.n, count, call.n, rows_on * call.n};
}

// visit(tile, its first column) for whole rows, cut into the blocks of the fixed tree.
template <class F>
void for_tiles(const Rows& rows, int64_t item, F&& visit) {
    for (int64_t j = 0; j < rows.n; j += kBlock) {
        Rows tile = rows;
        tile.data = static_cast<char*>(rows.data) + j * item;
        tile.n = std::min(kBlock, rows.n - j);
        tile.next = j + kBlock < rows.n ? kBlock : rows.next - j;
        visit(tile, j);
    }
}

// Sums of at most kRowGroup rows over the fixed tree.
void dots(DotsFn dots_of_block, const Rows& rows, int64_t item, const double* vector,
          double* sums) {
    double partial[kRowGroup * kMostBlocks];
    const int64_t blocks = (rows.n + kBlock - 1) / kBlock;
    for_tiles(rows, item, [&](const Rows& tile, int64_t j) {
        dots_of_block(tile, vector + j, partial + j / kBlock, blocks);
    });
    for (int64_t r = 0; r < rows.count; ++r) sums[r] = fold_pairs(partial + r * blocks, blocks);
}

void multiply(const RankOneCall& call, const RankOneKernels& kernels) {
    for_rows(call, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += kRowGroup) {
            const auto count = std::min<int64_t>(kRowGroup, end - i);
            dots(kernels.dots[call.is_f64], rows_of(call, i, count, kRowGroup), call.is_f64 ? 8 : 4,
                 call.vector, call.image + i);
        }
    });
}

template <class T>
void widen(const RankOneCall& call) {
    const T* v = static_cast<const T*>(call.given);
    for (int64_t i = 0; i < call.n; ++i) call.vector[i] = static_cast<double>(v[i]);
}

// u in place of F v; returns v^T u.
double combine(const RankOneCall& call, const RankOneKernels& kernels, const Form& form) {
    for (int64_t i = 0; i < call.n; ++i)
        call.image[i] = form.p * call.image[i] + form.q * call.vector[i];
    double sum = 0;
    dots(kernels.dots[1], {call.image, call.n, 1, call.n}, 8, call.vector, &sum);
    return sum;
}

// t = sqrt|s| u: the product of two elements of t is the same whichever comes first, so that the
// result is as symmetric as F.
template <class T>
void make_term(const RankOneCall& call, double root) {
    T* t = static_cast<T*>(call.term);
    for (int64_t i = 0; i < call.n; ++i) t[i] = static_cast<T>(root * call.image[i]);
}

template <class T>
void update_group(const RankOneCall& call, const RankOneKernels& kernels, const Form& form,
                  int64_t i, int64_t count, uint64_t* largest) {
    const T* t = static_cast<const T*>(call.term);
    T factors[kRowGroup];
    for (int64_t r = 0; r < count; ++r) factors[r] = form.numerator < 0 ? -t[i + r] : t[i + r];
    const auto update = [&](const Rows& tile, int64_t j) {
        kernels.update[call.is_f64](tile, {form.scale, form.identity, factors, t + j, i - j},
                                    largest);
    };
    for_tiles(rows_of(call, i, count, -kRowGroup), sizeof(T), update);
}

// Backwards: the rows that F v was read from last are in the cache still.
template <class T>
void update_rows(const RankOneCall& call, const RankOneKernels& kernels, const Form& form,
                 int64_t begin, int64_t end, uint64_t* largest) {
    for (int64_t i = end; i > begin;) {
        const int64_t count = std::min<int64_t>(kRowGroup, i - begin);
        i -= count;
        update_group<T>(call, kernels, form, i, count, largest);
    }
}

double write(const RankOneCall& call, const RankOneKernels& kernels, const Form& form) {
    std::atomic<uint64_t> largest = 0;
    for_rows(call, [&](int64_t begin, int64_t end) {
        uint64_t found = 0;
        if (call.is_f64)
            update_rows<double>(call, kernels, form, begin, end, &found);
        else
            update_rows<float>(call, kernels, form, begin, end, &found);
        raise(largest, found);
    });
    return magnitude(call, largest.load());
}

template <class T>
void set_identity(const RankOneCall& call, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
        T* row = reinterpret_cast<T*>(row_of(call, i));
        std::fill(row, row + call.n, T(0));
        row[i] = 1;
    }
}

void reset(const RankOneCall& call) {
    for_rows(call, [&](int64_t begin, int64_t end) {
        call.is_f64 ? set_identity<double>(call, begin, end)
                    : set_identity<float>(call, begin, end);
    });
}

// The blend alone: no rank-one term.
double blend(const RankOneCall& call, const RankOneKernels& kernels, double zeta) {
    std::memset(call.term, 0, static_cast<size_t>(call.n) * 8);
    return write(call, kernels, {1 - zeta, zeta, 0, 0, 0, 0});
}

// The largest magnitude in F where it is given or a threshold asks for it, else NaN.
double find_largest(const RankOneCall& call, const RankOneKernels& kernels,
                    const steepest_mkor_args& args) {
    if (args.has_largest) return args.largest;
    if (args.stabilizer == STEEPEST_MKOR_NONE) return std::numeric_limits<double>::quiet_NaN();
    return largest_of(call, kernels);
}

void update_by_vector(const RankOneCall& call, const RankOneKernels& kernels, double zeta,
                      steepest_mkor_args& args) {
    call.is_f64 ? widen<double>(call) : widen<float>(call);
    multiply(call, kernels);
    const Form form = form_of(args.variant, args.decay, 1 - zeta, zeta);
    args.denominator = 1 + form.weight * combine(call, kernels, form);
    args.applied = args.denominator > 0 && std::isfinite(args.denominator);
    if (!args.applied) return;
    const double root = std::sqrt(std::fabs(form.numerator) / args.denominator);
    call.is_f64 ? make_term<double>(call, root) : make_term<float>(call, root);
    args.largest = write(call, kernels, form);
}

}  // namespace

steepest_status check(const steepest_mkor_args& a) {
    if (a.struct_size < sizeof a || a.n < 0 || a.n > kMostRows ||
        (a.n > 0 && (!a.inverse || !a.vector)))
        return STEEPEST_INVALID_ARGUMENT;
    if (a.dtype != STEEPEST_F32 && a.dtype != STEEPEST_F64) return STEEPEST_INVALID_DTYPE;
    const uintptr_t item = a.dtype == STEEPEST_F64 ? 8 : 4;
    if (reinterpret_cast<uintptr_t>(a.inverse) % item ||
        reinterpret_cast<uintptr_t>(a.vector) % item)
        return STEEPEST_INVALID_ARGUMENT;
    const bool known = a.variant >= STEEPEST_MKOR_CODE && a.variant <= STEEPEST_MKOR_TEXTBOOK &&
                       a.stabilizer >= STEEPEST_MKOR_NONE && a.stabilizer <= STEEPEST_MKOR_RESET;
    const bool in_range =
        a.decay > 0 && a.decay <= 1 && a.threshold > 0 && a.zeta >= 0 && a.zeta <= 1;
    return known && in_range ? STEEPEST_OK : STEEPEST_INVALID_HYPER;
}

void lay_out(const steepest_mkor_args& args, Arena& arena, RankOneCall& call) {
    call.n = args.n;
    call.is_f64 = args.dtype == STEEPEST_F64;
    call.matrix = args.inverse;
    call.given = args.vector;
    call.vector = arena.take<double>(args.n);
    call.image = arena.take<double>(args.n);
    call.term = arena.take<double>(args.n);
}

void update_inverse(const RankOneCall& call, const RankOneKernels& kernels,
                    steepest_mkor_args& args) {
    args.largest = find_largest(call, kernels, args);
    args.stabilized = args.stabilizer != STEEPEST_MKOR_NONE && !(args.largest <= args.threshold);
    args.applied = 1;
    args.denominator = 1;
    const int32_t stabilizer = args.stabilized ? args.stabilizer : STEEPEST_MKOR_NONE;
    if (stabilizer == STEEPEST_MKOR_RESET) {
        reset(call);
        args.largest = call.n > 0 ? 1 : 0;
    } else if (stabilizer == STEEPEST_MKOR_SKIP) {
        args.largest = blend(call, kernels, args.zeta);
    } else {
        const double zeta = stabilizer == STEEPEST_MKOR_BLEND ? args.zeta : 0;
        update_by_vector(call, kernels, zeta, args);
    }
}

}  // namespace steepest::curvature
