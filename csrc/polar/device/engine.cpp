#include "polar/device/engine.h"

#include "polar/device/elements.h"

namespace steepest::device {
namespace {

size_t index_of(const Batch& b) { return static_cast<size_t>(b.matrix.type); }

int64_t blocks_of(const Batch& b) { return b.count * tiles_of(b); }

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
    runs_.split(pass, blocks_of(high), stream_);
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

void DeviceEngine::load(const PolarPass& pass) {
    runs_.squares(pass, blocks_of(pass.to), stream_);
    runs_.scales(pass, pass.to.count, stream_);
    runs_.load[index_of(pass.to)](pass, blocks_of(pass.to), stream_);
}

void DeviceEngine::store(const PolarPass& pass) {
    runs_.store[index_of(pass.from)](pass, blocks_of(pass.from), stream_);
}

void DeviceEngine::run_on_chip(const OnChipPass& pass, int64_t count) {
    const int64_t side = pass.cols > pass.rows ? pass.cols : pass.rows;
    runs_.on_chip[side <= 32 ? 0 : side <= 64 ? 1 : 2](pass, count, stream_);
}

}  // namespace steepest::device
