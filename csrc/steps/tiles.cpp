#include "steps/tiles.h"

#include <algorithm>
#include <cstring>

namespace steepest {
namespace {

// Writes `m` values of rows or columns from `at` on, in T.
template <class T>
void load_values(const Tiles::Axis& axis, int64_t at, int64_t m, T* out) {
    if (axis.codec)
        axis.codec(axis.values.at(at), reinterpret_cast<float*>(out), m);
    else
        std::copy_n(static_cast<const T*>(axis.values.at(at)), m, out);
}

template <class T>
T value_of(const Tiles::Axis& axis, int64_t line) {
    T value;
    load_values(axis, line, 1, &value);
    return value;
}

// Writes to `out` the row or column value of each of n elements from position `at` of `line` on.
// Along the contiguous axis the values run, across it one value repeats.
template <class T>
void expand(const Geometry& g, const Tiles::Axis& axis, int64_t line, int64_t at, int64_t n,
            T* out) {
    const int64_t inner = g.inner();
    int64_t run = axis.run_of(g, line);
    int64_t end = (run / inner + 1) * g.outer();  // of the matrix
    for (int64_t i = 0; i < n; ++line, at = 0) {
        if (line == end) {
            run += inner;
            end += g.outer();
        }
        const int64_t m = std::min(inner - at, n - i);
        if (axis.runs)
            load_values(axis, run + at, m, out + i);
        else
            std::fill_n(out + i, m, value_of<T>(axis, line));
        i += m;
    }
}

}  // namespace

Tiles::Tiles(const Job& job, const StepKernels& kernels) : job_(job), kernels_(kernels) {
    const DType plain = job.is_f64 ? DType::f64 : DType::f32;
    for (int s = 0; s < job.streams; ++s) {
        const Operand& o = job.operand[s];
        way_[s] = job.kind(s) != Kind::element ? Way::axis
                  : !o.data                    ? Way::absent
                  : o.dtype == plain           ? Way::plain
                                               : Way::codec;
        pointers_[s] = scratch_[s];
        held_[s] = -1;
        if (way_[s] == Way::axis) axis_[s] = axis_of(s);
    }
    // Kernels take it that streams do not overlap.
    if (job.is_in_place() && way_[1] == Way::plain) way_[1] = Way::copied;
}

Tiles::Axis Tiles::axis_of(int s) const {
    const bool column = job_.kind(s) == Kind::column;
    const bool runs = column != job_.geometry.column_major;
    const int64_t inner = job_.geometry.inner();
    Axis axis{.values = job_.operand[s],
              .codec = kernels_.load[static_cast<int>(job_.operand[s].dtype)],
              .runs = runs,
              .periodic = runs && inner <= kTile && kTile % inner == 0 &&
                          job_.count == job_.geometry.size()};
    if (job_.is_read_as_stored(s)) return axis;
    axis.values.data = job_.axis_new[column];
    axis.values.dtype = job_.is_f64 ? DType::f64 : DType::f32;
    axis.codec = nullptr;
    return axis;
}

// Makes `line_` the line of an element. Most tiles are in the line of the one before.
void Tiles::find_line(int64_t element) {
    const int64_t inner = job_.geometry.inner();
    if (element >= line_begin_ && element - line_begin_ < inner) return;
    line_ = element / inner;
    line_begin_ = line_ * inner;
}

void Tiles::load_axis(int s, int64_t first, int64_t n) {
    find_line(first);
    if (job_.is_f64)
        load_axis_as<double>(s, first - line_begin_, n);
    else
        load_axis_as<float>(s, first - line_begin_, n);
}

// A tile inside one line takes running values from where they are, and has the same repeated value
// as the tiles before it in the line. Tiles of whole lines of one matrix have the same running
// values.
template <class T>
void Tiles::load_axis_as(int s, int64_t at, int64_t n) {
    const Axis& axis = axis_[s];
    const int64_t inner = job_.geometry.inner();
    T* out = reinterpret_cast<T*>(scratch_[s]);
    const bool in_line = at + n <= inner;
    const bool whole = axis.periodic && at == 0;
    const int64_t held = !axis.runs ? line_ : 0;
    pointers_[s] = scratch_[s];
    if (in_line && axis.runs && !axis.codec) {
        pointers_[s] = axis.values.at(axis.run_of(job_.geometry, line_) + at);
    } else if (in_line && !axis.runs) {
        if (held_[s] != held) std::fill_n(out, kTile, value_of<T>(axis, line_));
        held_[s] = held;
    } else if (whole) {
        for (int64_t i = 0; held_[s] != held && i < kTile; i += inner)
            load_values(axis, 0, inner, out + i);
        held_[s] = held;
    } else {
        expand(job_.geometry, axis, line_, at, n, out);
        held_[s] = -1;
    }
}

void Tiles::load_stream(int s, int64_t first, int64_t n) {
    const Operand& o = job_.operand[s];
    switch (way_[s]) {
        case Way::plain:
            pointers_[s] = o.at(first);
            break;
        case Way::copied:
            std::memcpy(scratch_[s], o.at(first), static_cast<size_t>(n * size_of(o.dtype)));
            break;
        case Way::codec:
            kernels_.load[static_cast<int>(o.dtype)](o.at(first),
                                                     reinterpret_cast<float*>(scratch_[s]), n);
            break;
        // An optional state that is not there starts every tile at zero and is forgotten after it.
        case Way::absent:
            std::memset(scratch_[s], 0, static_cast<size_t>(n * (job_.is_f64 ? 8 : 4)));
            break;
        case Way::axis:
            load_axis(s, first, n);
            break;
    }
}

void Tiles::store(int64_t first, int64_t n) {
    for (int s = 0; s < job_.streams; ++s)
        if (s != 1 && way_[s] == Way::codec && !job_.is_only_summed(s))
            store_values(job_.operand[s], job_, kernels_, pointers_[s], first, n);
    if (job_.copy.data) store_values(job_.copy, job_, kernels_, pointers_[0], first, n);
}

void store_values(const Operand& to, const Job& job, const StepKernels& kernels, const void* from,
                  int64_t first, int64_t n) {
    const auto* values = static_cast<const float*>(from);
    const int t = static_cast<int>(to.dtype);
    if (to.dtype == DType::f64) {
        std::memcpy(to.at(first), from, static_cast<size_t>(n) * sizeof(double));
    } else if (to.rounding == Rounding::stochastic && kernels.store_randomly[t]) {
        Stream stream = job.random;
        stream.purpose = to.purpose;
        kernels.store_randomly[t](values, to.at(first), n, stream, first);
    } else {
        kernels.store[t](values, to.at(first), n);
    }
}

}  // namespace steepest
