#include "norms/symbol.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/parallel.h"
#include "core/philox.h"
#include "norms/batch.h"
#include "norms/lanczos.h"
#include "norms/rows.h"
#include "norms/symbol_errors.h"
#include "norms/tridiagonal.h"
#include "norms/vectors.h"

namespace steepest::norms {
namespace {

constexpr int kLanczosSteps = 10;
constexpr int kHalvings = 24;  // for the precision of float
// For one matrix: share of the tolerance, relative to the squared norm, and most steps.
constexpr double kShareOfLanczos = 0.3;
constexpr int kMostSteps = 60;
// Squares between which nothing underflows or overflows that is not accounted for.
constexpr double kLeast = 0x1p-40, kMost = kMostPivot;

// Random, of length one, and the same in every lane and for every convolution.
void fill_start(float* v, int64_t rows, int lanes) {
    const Stream stream{.seed = 0, .purpose = 0xffff, .draw = 0, .tensor = 0};
    Vector x(static_cast<size_t>(2 * rows));
    for (size_t k = 0; k < x.size(); ++k) x[k] = philox(stream, k / 4).word[k % 4] * 0x1p-31 - 1;
    normalize(x);
    for (const double part : x) {
        std::fill_n(v, lanes, static_cast<float>(part));
        v += lanes;
    }
}

// Of lane l, the sum of the diagonal.
double trace_of(const float* gram, int64_t rows, int lanes, int l) {
    double trace = 0;
    for (int64_t i = 0; i < rows; ++i)
        trace += static_cast<double>(gram[(triangle(i) + i) * 2 * lanes + l]);
    return trace;
}

// The largest float with which the factorisation of mu I - gram proves that no eigenvalue of the
// exact Gram matrix is above `square`; zero where there is none.
float pivot_for(int64_t rows, int64_t cols, double square, double trace) {
    if (!(square > kLeast && square < kMost && trace < kMost)) return 0;
    const Down allowed = Down{square} - error_of_gram(rows, cols, trace);
    const Down mu = allowed - error_of_factor(rows, allowed.value, trace);
    const auto rounded = static_cast<float>(mu.value);
    return mu.value > 0 ? std::nextafter(rounded, 0.0F) : 0;
}

}  // namespace

Symbol::Slot::Slot(const Symbol& s, Arena& arena) {
    const int64_t row = s.even_rows() * s.element();
    panel = arena.take<float>(row * kRun);
    waves = arena.take<float>(s.phases() * s.terms() * s.element());
    for (float*& v : vectors) v = arena.take<float>(row);
    coefficients = arena.take<float>(2 * (kLanczosSteps + 1) * s.kernels_.lanes);
}

Symbol::Symbol(const steepest_symbol_args& args, const SymbolKernels& kernels)
    : a_(args), kernels_(kernels), slots_(count_slots()) {}

Symbol::Memory Symbol::memory() const {
    const auto elements = static_cast<size_t>(batches() * size_of_gram());
    return {.grams = kHead + elements * sizeof(float),
            .workspace = bytes_shared() + bytes_of_slot() * static_cast<size_t>(slots_)};
}

// In front of the threads' memory: the folded kernel, or later one Gram matrix.
size_t Symbol::bytes_shared() const {
    Arena arena(nullptr, 0);
    arena.take<float>(std::max(weights() * 2 * terms(), 4 * a_.rows * a_.rows));
    return arena.used();
}

size_t Symbol::bytes_of_slot() const {
    Arena arena(nullptr, 0);
    Slot(*this, arena);
    return arena.used();
}

int Symbol::count_slots() const {
    const auto elements = static_cast<double>(batches() * size_of_gram());
    const double units = elements * static_cast<double>(a_.rows + a_.cols + a_.taps) / kWorkUnit;
    const int threads = threads_for(static_cast<int64_t>(std::min(units, 0x1p62)));
    return static_cast<int>(std::clamp<int64_t>(batches(), 1, threads));
}

// Which thread takes which batch changes no bit.
template <class F>
void Symbol::each_batch(F&& f) const {
    const int64_t of_group = batches_of_group();
    const size_t bytes = bytes_of_slot();
    std::atomic<int64_t> next{0};
    parallel(slots_, slots_, [&](int part, int) {
        char* begin = static_cast<char*>(a_.workspace) + bytes_shared();
        Arena arena(begin + static_cast<size_t>(part) * bytes, bytes);
        const Slot slot(*this, arena);
        for (int64_t b = next++; b < batches(); b = next++) {
            const int64_t first = b % of_group * kernels_.lanes;
            const int64_t count = std::min<int64_t>(kernels_.lanes, a_.frequencies - first);
            f(Batch{b / of_group, first, count, gram(b)}, slot);
        }
    });
}

void Symbol::fold_kernel() const {
    auto* folded = static_cast<float*>(a_.workspace);
    parallel(slots_, slots_, [&](int part, int n) {
        const int64_t begin = weights() * part / n, end = weights() * (part + 1) / n;
        kernels_.fold(a_.kernel + begin * a_.taps, end - begin, a_.taps,
                      folded + begin * 2 * terms());
    });
}

// Lanes without a frequency hold zeros.
void Symbol::pack_waves(const Batch& batch, float* to) const {
    for (int64_t part = 0; part < phases() * terms() * 2; ++part, to += kernels_.lanes) {
        std::fill_n(to, kernels_.lanes, 0.0F);
        std::copy_n(a_.waves + part * a_.frequencies + batch.begin, batch.count, to);
    }
}

// Columns [begin, end), by rectangles of one phase.
void Symbol::transform(const Batch& batch, int64_t begin, int64_t end, const Slot& slot) const {
    const int64_t rows = a_.rows / a_.row_phases, cols = a_.cols / a_.col_phases;
    const int64_t folded = 2 * terms(), ld = a_.cols * folded;
    const float* kernel = static_cast<const float*>(a_.workspace) + batch.group * a_.rows * ld;
    for (int64_t i = 0; i < a_.rows; i += rows)
        for (int64_t j = begin, next; j < end; j = next) {
            next = std::min(end, (j / cols + 1) * cols);
            const int64_t phase = i / rows + j / cols;  // one of them is zero
            kernels_.transform({kernel + i * ld + j * folded, ld, rows, next - j, terms()},
                               slot.waves + phase * terms() * element(),
                               slot.panel + (i * kRun + j - begin) * element());
        }
}

void Symbol::form_gram(const Batch& batch, const Slot& slot) const {
    pack_waves(batch, slot.waves);
    std::fill_n(batch.gram, size_of_gram(), 0.0F);
    std::fill_n(slot.panel, even_rows() * kRun * element(), 0.0F);
    for (int64_t j = 0; j < a_.cols; j += kRun) {
        const int64_t end = std::min(j + kRun, a_.cols);
        transform(batch, j, end, slot);
        kernels_.add_gram(slot.panel, even_rows(), end - j, batch.gram);
    }
}

void Symbol::estimate(const Batch& batch, const Slot& slot) const {
    const int lanes = kernels_.lanes;
    const int64_t row = even_rows() * element();
    const int steps = static_cast<int>(std::min<int64_t>(kLanczosSteps, a_.rows));
    float *alpha = slot.coefficients, *beta = alpha + (kLanczosSteps + 1) * lanes;
    std::fill_n(slot.vectors[0], row, 0.0F);
    fill_start(slot.vectors[0], a_.rows, lanes);
    std::fill_n(slot.vectors[1], row, 0.0F);
    std::fill_n(beta, lanes, 0.0F);
    for (int k = 0; k < steps; ++k) {
        std::copy_n(beta + k * lanes, lanes, beta + (k + 1) * lanes);
        kernels_.lanczos(batch.gram, even_rows(), slot.vectors[k % 2], slot.vectors[(k + 1) % 2],
                         alpha + k * lanes, beta + (k + 1) * lanes);
    }
    for (int64_t l = 0; l < batch.count; ++l) {
        Tridiagonal reduced;
        for (int k = 0; k < steps; ++k) {
            reduced.diagonal.push_back(static_cast<double>(alpha[k * lanes + l]));
            reduced.beside.push_back(static_cast<double>(beta[(k + 1) * lanes + l]));
        }
        const double found = eigenvalue(reduced, 0, kHalvings);
        a_.estimates[batch.group * a_.frequencies + batch.begin + l] =
            std::sqrt(std::max(found, 0.0));
    }
}

void Symbol::prove(const Batch& batch, const Slot& slot) const {
    const int lanes = kernels_.lanes;
    float* mu = slot.coefficients;
    std::fill_n(mu, lanes, 0.0F);
    const Down square = Down{a_.below} * Down{a_.below};
    for (int l = 0; l < batch.count; ++l)
        mu[l] = pivot_for(even_rows(), a_.cols, square.value,
                          trace_of(batch.gram, even_rows(), lanes, l));
    const uint32_t failed = kernels_.factorize(batch.gram, even_rows(), mu, slot.panel);
    for (int l = 0; l < batch.count; ++l)
        a_.is_below[batch.group * a_.frequencies + batch.begin + l] = !(failed >> l & 1U);
}

void Symbol::find_grams() const {
    fold_kernel();
    each_batch([this](const Batch& batch, const Slot& slot) {
        form_gram(batch, slot);
        estimate(batch, slot);
    });
}

// [[Re, -Im], [Im, Re]] of a Gram matrix: real, symmetric, and of the same eigenvalues, each twice.
polar::Matrix Symbol::real_gram(int64_t group, int64_t frequency) const {
    const int64_t n = a_.rows, ld = 2 * n, lanes = kernels_.lanes;
    const float* from = gram(group * batches_of_group() + frequency / lanes) + frequency % lanes;
    auto* to = static_cast<float*>(a_.workspace);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j <= i; ++j, from += element()) {
            const float re = from[0], im = j < i ? from[lanes] : 0;
            to[i * ld + j] = to[j * ld + i] = re;
            to[(n + i) * ld + n + j] = to[(n + j) * ld + n + i] = re;
            to[(n + i) * ld + j] = to[j * ld + n + i] = im;
            to[i * ld + n + j] = to[(n + j) * ld + i] = -im;
        }
    return {to, 2 * n, 2 * n, ld, polar::Type::f32};
}

double Symbol::lower(int64_t group, int64_t frequency, double tol) const {
    const polar::Matrix G = real_gram(group, frequency);
    Lanczos lanczos([&](const Vector& v) { return multiply(G, v); }, G.rows);
    lanczos.run(kShareOfLanczos * tol, kMostSteps);
    const auto size = static_cast<double>(G.rows);
    const double squares = sum_over_rows(G, [](const auto* row, int64_t, int64_t cols) {
        return sum_of(cols, [row](int64_t j) {
            const auto x = static_cast<double>(row[j]);
            return x * x;
        });
    });
    double trace = 0;
    for (int64_t i = 0; i < a_.rows; ++i)
        trace += static_cast<double>(static_cast<const float*>(G.data)[i * G.ld + i]);
    Vector image;
    const Down value = quotient(G, SumBounds(squares, size * size).up, lanczos.vector(), image);
    const Down lower = sqrt(value - error_of_gram(even_rows(), a_.cols, trace));
    return lower.value;
}

void Symbol::prove() const {
    each_batch([this](const Batch& batch, const Slot& slot) { prove(batch, slot); });
}

}  // namespace steepest::norms
