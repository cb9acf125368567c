#include "polar/device/engine.h"

#include <algorithm>

#include "polar/device/elements.h"
#include "polar/device/gram_onchip.h"

namespace steepest::device {
namespace {

size_t index_of(const Batch& b) { return static_cast<size_t>(b.matrix.type); }

size_t index_of_half(polar::Type t) { return t == polar::Type::bf16 ? 0 : 1; }

int64_t blocks_of(const Batch& b) { return b.count * tiles_of(b); }

// The kernel that keeps the square matrices of such a batch in so much shared memory; -1: none.
int gram_kind(const Batch& r, int shared_bytes) {
    const bool is_f64 = r.matrix.type == polar::Type::f64;
    const int kinds = is_f64 ? kGramKindsF64 : kGramKinds;
    for (int kind = 0; kind < kinds; ++kind)
        if (r.matrix.rows <= kGramSides[kind])
            return gram_bytes(kind, is_f64) <= shared_bytes ? kind : -1;
    return -1;
}

}  // namespace

void DeviceEngine::copy_plus(const Batch& from, double value, const Batch& to) {
    PolarPass pass{};
    pass.from = from;
    pass.to = to;
    pass.value = value;
    runs_.copy_plus[index_of(to)](pass, blocks_of(to), stream_);
}

void DeviceEngine::split(const Batch& from, const Batch& high, const Batch& low) {
    PolarPass pass{};
    pass.from = from;
    pass.to = high;
    pass.low = low;
    runs_.split[index_of_half(high.matrix.type)](pass, blocks_of(high), stream_);
}

void DeviceEngine::rescale(const Batch& x, const Batch& r, double safety, Arena scratch,
                           bool by_squares) {
    PolarPass pass{};
    pass.from = r;
    pass.lines = scratch.take<double>(r.count * r.matrix.rows);
    pass.value = safety;
    pass.is_set = by_squares;
    const int64_t lines = r.count * r.matrix.rows;
    runs_.line_sums[index_of(r)](pass, (lines + kWarps - 1) / kWarps, stream_);
    runs_.line_factors(pass, r.count, stream_);
    multiply(x, pass.lines, false);
    multiply(r, pass.lines, true);
}

void DeviceEngine::multiply(const Batch& b, double* factors, bool both) {
    PolarPass pass{};
    pass.to = b;
    pass.lines = factors;
    pass.is_set = both;
    runs_.multiply_lines[index_of(b)](pass, blocks_of(b), stream_);
}

bool DeviceEngine::gram_steps(const Batch& r, const Batch& q, const Batch& high, const Batch& low,
                              bool splits, const double* coefficients, int32_t steps) {
    const int kind = gram_kind(r, shared_bytes_);
    if (kind < 0) return false;
    const auto index = static_cast<size_t>(kind);
    const auto run =
        r.matrix.type == polar::Type::f64 ? runs_.gram_steps_f64[index] : runs_.gram_steps[index];
    GramStepsPass pass{};
    pass.r = r;
    pass.q = q;
    pass.high = high;
    pass.low = low;
    pass.splits = splits;
    for (int32_t done = 0; done < steps; done += pass.steps) {
        pass.steps = std::min<int32_t>(steps - done, kGramSteps);
        pass.is_first = done == 0;
        pass.is_last = done + pass.steps == steps;
        std::copy_n(coefficients + 3 * done, 3 * pass.steps, pass.coefficients);
        run(pass, r.count, stream_);
    }
    return true;
}

void DeviceEngine::load(const PolarPass& pass) {
    runs_.squares(pass, blocks_of(pass.to), stream_);
    runs_.scales(pass, pass.to.count, stream_);
    runs_.load[index_of(pass.to)](pass, blocks_of(pass.to), stream_);
}

void DeviceEngine::store(const PolarPass& pass) {
    runs_.store[index_of(pass.from)](pass, blocks_of(pass.from), stream_);
}

void DeviceEngine::run_on_chip(const OnChipPass& pass, polar::Type type, int64_t count) {
    const int64_t side = pass.cols > pass.rows ? pass.cols : pass.rows;
    if (polar::is_half(type))
        return runs_.half_on_chip[index_of_half(type)][side <= 64 ? 0 : 1](pass, count, stream_);
    runs_.on_chip[side <= 32 ? 0 : side <= 64 ? 1 : 2](pass, count, stream_);
}

}  // namespace steepest::device
