// Three passes over a list of matrices: sums of squares of their lines, the factor of each line,
// and the products. Lines of all matrices are shared out to threads together.
#include "polar/normalize.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/arena.h"
#include "core/fence.h"
#include "core/parallel.h"
#include "core/reduce.h"
#include "core/stream.h"
#include "polar/device/lines_driver.h"

namespace steepest::polar {
namespace {

constexpr int64_t kChunk = 16;  // lines that one thread takes at a time

struct Chunk {
    size_t matrix;
    int64_t begin, end;  // lines
};

struct Work {
    const std::vector<Lines>& matrices;
    std::vector<Chunk> chunks;
    std::vector<std::vector<double>> values;  // of each line of each matrix: sums, then factors
    std::vector<std::vector<double>> power;   // of two, that brings a line near 1
    int64_t elements = 0;

    explicit Work(const std::vector<Lines>& all)
        : matrices(all), values(all.size()), power(all.size()) {
        for (size_t i = 0; i < all.size(); ++i) {
            elements += all[i].lines * all[i].length;
            if (all[i].length == 0) continue;
            values[i].resize(static_cast<size_t>(all[i].lines));
            power[i].assign(values[i].size(), 1);
            for (int64_t line = 0; line < all[i].lines; line += kChunk)
                chunks.push_back({i, line, std::min(line + kChunk, all[i].lines)});
        }
    }
    template <class F>
    void each_chunk(F&& f) {
        const int threads = threads_for(elements);
        const auto count = static_cast<int64_t>(chunks.size());
        const auto parts = static_cast<int>(std::min<int64_t>(count, int64_t{8} * threads));
        if (parts == 0) return;
        parallel(threads, parts, [&](int part, int n) {
            for (int64_t c = count * part / n; c < count * (part + 1) / n; ++c)
                f(chunks[static_cast<size_t>(c)]);
        });
    }
};

bool has_norms(const Lines& m) { return m.item->kind < STEEPEST_SIGNS; }

// Whether a norm is of the matrix, not of one line.
bool is_shared(const Lines& m) { return m.item->kind == STEEPEST_WHOLE_NORM || m.item->moments; }

// Squares of doubles overflow, and vanish beside nothing larger: such a sum says little. Above the
// least of these, what vanished is below a unit roundoff of the sum for any length.
bool is_trusted(double squares) { return squares >= 0x1p-900 && std::isfinite(squares); }

// The power of two that brings the largest element of lines [begin, end) near 1; 1 where none is
// both finite and not zero.
double power_of(const Lines& m, int64_t begin, int64_t end) {
    const double largest = largest_magnitude(m, begin, end);
    if (!(largest > 0)) return 1;
    int exponent = 0;
    std::frexp(largest, &exponent);
    return std::ldexp(1.0, std::clamp(-exponent, -1021, 1021));
}

// Sums of lines, anew where they cannot be trusted: each line with its own power, so that neither
// large lines nor ones that are not finite touch the others.
void sum_lines(const Lines& m, const Chunk& c, double* power, double* sums) {
    sum_squares(m, power, c.begin, c.end, sums);
    if (m.dtype != DType::f64 || is_shared(m)) return;
    for (int64_t line = c.begin; line < c.end; ++line) {
        if (is_trusted(sums[line])) continue;
        power[line] = power_of(m, line, line + 1);
        sum_squares(m, power, line, line + 1, sums);
    }
}

// The same for norms of a whole matrix, with one power.
void mend_whole(const Lines& m, std::vector<double>& power, std::vector<double>& sums) {
    if (m.dtype != DType::f64 || !is_shared(m) || sums.empty()) return;
    std::vector<double> folded = sums;
    if (is_trusted(fold_pairs(folded.data(), m.lines))) return;
    std::fill(power.begin(), power.end(), power_of(m, 0, m.lines));
    sum_squares(m, power.data(), 0, m.lines, sums.data());
}

// factor (power x) = scale x / (norm + eps); a line of zeros stays, whatever eps is.
double factor_of(double squares, double power, const steepest_normalized& n) {
    if (!std::isfinite(squares)) return std::nan("");
    const double size = std::sqrt(squares) + n.eps * power;
    return size == 0 ? 0 : n.scale / size;
}

// The second moment of row i with a new mean square, as it is stored.
double averaged(const steepest_normalized& n, size_t i, double mean) {
    const auto average = [&](auto& moment) {
        const double old = moment;
        moment = static_cast<std::remove_reference_t<decltype(moment)>>(n.beta2 * old +
                                                                        (1 - n.beta2) * mean);
        return static_cast<double>(moment);
    };
    return n.moments_dtype == STEEPEST_F64 ? average(static_cast<double*>(n.moments)[i])
                                           : average(static_cast<float*>(n.moments)[i]);
}

// Rows over the root of their second moment, then back to the norm of the whole.
void follow_moments(const Lines& m, double power, std::vector<double>& value) {
    const steepest_normalized& n = *m.item;
    std::vector<double> before = value, after(value.size());
    for (size_t i = 0; i < value.size(); ++i) {
        const double mean = value[i] / static_cast<double>(m.length) / power / power;
        const double root = std::sqrt(averaged(n, i, mean)) + n.eps;
        after[i] = root == 0 ? 0 : value[i] / root / root;
        value[i] = root == 0 ? 0 : 1 / root / power;
    }
    const auto count = static_cast<int64_t>(value.size());
    const double old_norm = fold_pairs(before.data(), count),
                 norm = fold_pairs(after.data(), count);
    const double restore = norm == 0 ? 0 : n.scale * std::sqrt(old_norm / norm);
    for (double& v : value) v *= restore;
}

void find_factors(const Lines& m, const std::vector<double>& power, std::vector<double>& value) {
    if (value.empty()) return;
    const steepest_normalized& n = *m.item;
    if (n.moments) return follow_moments(m, power[0], value);
    if (n.kind == STEEPEST_WHOLE_NORM) {
        const double squares = fold_pairs(value.data(), static_cast<int64_t>(value.size()));
        std::fill(value.begin(), value.end(), squares);
    }
    for (size_t i = 0; i < value.size(); ++i) value[i] = factor_of(value[i], power[i], n);
}

const steepest_normalized& item_at(const steepest_normalize_args& a, int64_t i) {
    return *reinterpret_cast<const steepest_normalized*>(reinterpret_cast<const char*>(a.matrices) +
                                                         static_cast<size_t>(i) * a.matrix_size);
}

steepest_status check(const steepest_normalized& n) {
    if (n.rows < 0 || n.cols < 0 || n.kind < 0 || n.kind > STEEPEST_NO_NORM)
        return STEEPEST_INVALID_ARGUMENT;
    if (n.dtype < 0 || n.dtype >= kDTypes) return STEEPEST_INVALID_DTYPE;
    if (n.rows > 0 && n.cols > 0 && (!n.data || !n.result)) return STEEPEST_INVALID_ARGUMENT;
    if (n.moments && n.kind != STEEPEST_ROW_NORMS) return STEEPEST_INVALID_ARGUMENT;
    if (n.moments && n.moments_dtype != STEEPEST_F32 && n.moments_dtype != STEEPEST_F64)
        return STEEPEST_INVALID_DTYPE;
    const bool in_range = n.eps >= 0 && std::isfinite(n.eps) && std::isfinite(n.scale) &&
                          (!n.moments || (n.beta2 >= 0 && n.beta2 < 1));
    return in_range ? STEEPEST_OK : STEEPEST_INVALID_HYPER;
}

steepest_status check(const steepest_normalize_args& a) {
    if (a.struct_size < sizeof a || a.matrix_size < sizeof(steepest_normalized) || a.count < 0 ||
        (a.count && !a.matrices))
        return STEEPEST_INVALID_ARGUMENT;
    for (int64_t i = 0; i < a.count; ++i)
        if (const auto s = check(item_at(a, i))) return s;
    return STEEPEST_OK;
}

std::vector<Lines> lines_of(const steepest_normalize_args& a) {
    std::vector<Lines> all;
    for (int64_t i = 0; i < a.count; ++i) all.emplace_back(item_at(a, i));
    return all;
}

steepest_status on_device(const steepest_normalize_args& a) {
    if (reinterpret_cast<uintptr_t>(a.workspace) % Arena::kAlignment)
        return STEEPEST_INVALID_ARGUMENT;
    return on_stream(a.device, a.stream, [&](device::Backend& backend) {
        return device::normalize(lines_of(a), a.workspace, a.workspace_size, backend);
    });
}

}  // namespace

void normalize(const std::vector<Lines>& all) {
    Work work(all);
    work.each_chunk([&](const Chunk& c) {
        const Lines& m = all[c.matrix];
        if (has_norms(m))
            sum_lines(m, c, work.power[c.matrix].data(), work.values[c.matrix].data());
    });
    for (size_t i = 0; i < all.size(); ++i) {
        if (!has_norms(all[i])) continue;
        mend_whole(all[i], work.power[i], work.values[i]);
        find_factors(all[i], work.power[i], work.values[i]);
    }
    work.each_chunk([&](const Chunk& c) {
        const Lines& m = all[c.matrix];
        write_lines(m, work.power[c.matrix].data(),
                    has_norms(m) ? work.values[c.matrix].data() : nullptr, c.begin, c.end);
    });
}

}  // namespace steepest::polar

steepest_status steepest_normalize(const steepest_normalize_args* args) {
    using namespace steepest;
    using namespace steepest::polar;
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args)) return status;
        if (args->stream) return on_device(*args);
        normalize(lines_of(*args));
        return STEEPEST_OK;
    });
}

steepest_status steepest_normalize_workspace(const steepest_normalize_args* args, size_t* size) {
    using namespace steepest;
    using namespace steepest::polar;
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        *size = 0;
        if (!args->stream) return STEEPEST_OK;
        return on_stream(args->device, args->stream, [&](device::Backend&) {
            *size = device::normalize_size(lines_of(*args));
            return STEEPEST_OK;
        });
    });
}
