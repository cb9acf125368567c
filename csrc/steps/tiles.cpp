#include "steps/tiles.h"

#include <algorithm>
#include <cstring>

namespace steepest {
namespace {

// Values of rows or columns as they are stored; without a codec they are T.
struct Axis {
    Operand values;
    LoadFn codec;

    template <class T>
    void load(int64_t first, int64_t n, T* out) const {
        if (codec)
            codec(values.at(first), reinterpret_cast<float*>(out), n);
        else
            std::copy_n(static_cast<const T*>(values.at(first)), n, out);
    }
};

// Writes to `out` the row or column value of each of the n elements from `first` on. Along the
// contiguous axis the values run, across it one value repeats.
template <class T>
void expand(const Geometry& g, bool runs, const Axis& axis, int64_t first, int64_t n, void* to) {
    T* out = static_cast<T*>(to);
    const int64_t inner = g.inner();
    for (int64_t i = 0; i < n;) {
        const int64_t line = (first + i) / inner;
        const int64_t at = (first + i) % inner;
        const int64_t m = std::min(inner - at, n - i);
        if (runs) {
            axis.load(line / g.outer() * inner + at, m, out + i);
        } else {
            T value;
            axis.load(line, 1, &value);
            std::fill_n(out + i, m, value);
        }
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
    }
    // Kernels take it that streams do not overlap.
    if (job.is_in_place() && way_[1] == Way::plain) way_[1] = Way::copied;
}

void Tiles::load_axis(int s, int64_t first, int64_t n) {
    const bool column = job_.kind(s) == Kind::column;
    const bool runs = column != job_.geometry.column_major;
    Axis axis{job_.operand[s], kernels_.load[static_cast<int>(job_.operand[s].dtype)]};
    if (!job_.is_read_as_stored(s)) {
        axis.values.data = job_.axis_new[column];
        axis.values.dtype = job_.is_f64 ? DType::f64 : DType::f32;
        axis.codec = nullptr;
    }
    (job_.is_f64 ? expand<double> : expand<float>)(job_.geometry, runs, axis, first, n,
                                                   scratch_[s]);
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
            std::memset(scratch_[s], 0, sizeof scratch_[s]);
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
