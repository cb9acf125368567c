#include "steps/tiles.h"

#include <algorithm>
#include <cstring>

namespace steepest {
namespace {

// Writes to `out` the row or column value of each of the n elements from `first` on. Along the contiguous
// axis the values run, across it one value repeats.
template <class T>
void expand(const Geometry& g, bool runs, const T* values, int64_t first, int64_t n, T* out) {
    const int64_t inner = g.inner();
    for (int64_t i = 0; i < n;) {
        const int64_t line = (first + i) / inner;
        const int64_t at = (first + i) % inner;
        const int64_t m = std::min(inner - at, n - i);
        if (runs)
            std::copy_n(values + line / g.outer() * inner + at, m, out + i);
        else
            std::fill_n(out + i, m, values[line]);
        i += m;
    }
}

}  // namespace

void Tiles::load_stream(int s, int64_t first, int64_t n) {
    const Operand& o = job_.operand[s];
    const Kind kind = job_.kind(s);
    pointers_[s] = scratch_[s];
    if (kind != Kind::element) {
        const bool column = kind == Kind::column;
        const bool runs = column != job_.geometry.column_major;
        const void* values = job_.axis_new[column];
        if (job_.is_f64)
            expand(job_.geometry, runs, static_cast<const double*>(values), first, n,
                   static_cast<double*>(pointers_[s]));
        else
            expand(job_.geometry, runs, static_cast<const float*>(values), first, n,
                   static_cast<float*>(pointers_[s]));
    } else if (!o.data) {
        // An optional state that is not there starts every tile at zero and is forgotten after it.
        std::memset(pointers_[s], 0, static_cast<size_t>(n) * (job_.is_f64 ? 8 : 4));
    } else if (is_plain(o)) {
        pointers_[s] = o.at(first);
    } else {
        kernels_.load[static_cast<int>(o.dtype)](o.at(first), static_cast<float*>(pointers_[s]), n);
    }
}

void Tiles::load(int64_t first, int64_t n) {
    for (int s = 0; s < job_.streams; ++s) load_stream(s, first, n);
}

void Tiles::store_as(const Operand& to, const void* from, int64_t first, int64_t n) const {
    Stream stream = job_.random;
    stream.purpose = to.purpose;
    kernels_.store[static_cast<int>(to.dtype)][static_cast<int>(to.rounding)](
        static_cast<const float*>(from), to.at(first), n, stream, first);
}

void Tiles::store(int64_t first, int64_t n) {
    for (int s = 0; s < job_.streams; ++s) {
        const Operand& o = job_.operand[s];
        const bool written = s != 1 && job_.kind(s) == Kind::element;
        if (written && o.data && !is_plain(o)) store_as(o, pointers_[s], first, n);
    }
    if (job_.copy.data) store_as(job_.copy, pointers_[0], first, n);
}

}  // namespace steepest
