// What a kernel knows about a rule and a tensor besides the arrays.
#pragma once

#include <type_traits>

#include "steps/device/locate.h"
#include "steps/device/places.h"
#include "steps/device/storage.h"
#include "steps/stage.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// Streams of a rule: parameter, gradient, the states that its functions see and, for apply, the
// values of rows.
template <class R>
inline constexpr int kReducedStreams = 2 + count_passed(R::spec);
template <class R>
inline constexpr int kStreamsOf = kReducedStreams<R> + kHasRows<R>;

// Bit s: stream s may be missing.
template <class R>
constexpr unsigned optional_streams() {
    unsigned bits = 0;
    for (int s = 0; s < count_passed(R::spec); ++s)
        if (R::spec.states[s].optional) bits |= 1U << (2 + s);
    return bits;
}

// Bit s: stream s has a value for every element, not one per row or column.
template <class R>
constexpr unsigned element_streams() {
    unsigned bits = 3;
    for (int s = 0; s < count_passed(R::spec); ++s)
        if (R::spec.states[s].kind == Kind::element) bits |= 1U << (2 + s);
    return bits;
}

// Bit s: sums over the list read stream s, and a step does not.
template <class R>
constexpr unsigned summed_streams() {
    unsigned bits = 0;
    for (int s = 0; s < count_states(R::spec); ++s)
        if (R::spec.states[s].only_summed) bits |= 1U << (2 + s);
    return bits;
}

// Bit s: stream s has one value per row.
template <class R>
constexpr unsigned row_streams() {
    unsigned bits = 0;
    for (int s = 0; s < count_passed(R::spec); ++s)
        if (R::spec.states[s].kind == Kind::row) bits |= 1U << (2 + s);
    return bits;
}

template <class R>
inline constexpr bool kHasAxes = has_axis_states(R::spec) || kHasRows<R>;

// Whether its row and column states are averages that the rule moves; otherwise they are given.
template <class R, class T>
inline constexpr bool kHasAverages = requires { R::axis_term(T(0)); };

// Or whether it sets them to maxima; then it reads those before as they are stored.
template <class R, class T>
inline constexpr bool kHasMaxima = requires { R::axis_maximum(T(0), T(0), T(0)); };

template <class R>
inline constexpr bool kInPlace = requires { R::kInPlace; };

template <class T>
STEEPEST_HD STEEPEST_INLINE T read_scalar(const void* at, bool is_f64) {
    return is_f64 ? T(*static_cast<const double*>(at)) : T(*static_cast<const float*>(at));
}

// Many streams, or many constants.
template <class R, class T>
inline constexpr bool kCrowded = kStreamsOf<R> > 4 || sizeof(typename R::Constants) > 8 * sizeof(T);

// What a rule reads for every element stays in registers, unless that would crowd out loads.
template <class R, class T>
using KeptConstants = std::conditional_t<sizeof(T) == 8 || kCrowded<R, T>,
                                         const typename R::Constants&, const typename R::Constants>;

// What an element needs besides its streams. The stage, which most calls do not need, is read again
// where it is.
template <class R, class T>
class Setting {
    const Pass& pass_;
    const Tensor& tensor_;
    const Constants* constants_;

  public:
    KeptConstants<R, T> rule;
    T keep;
    bool staged;    // the gradient is
    bool cautious;  // the update decides over the decay

    STEEPEST_HD STEEPEST_INLINE Setting(const Pass& pass, const Tensor& t)
        : pass_(pass),
          tensor_(t),
          constants_((pass.constants ? pass.constants : pass.inline_constants) + t.settings),
          rule(*reinterpret_cast<const typename R::Constants*>(constants_->constants)) {
        const Stage<T> s = stage();
        keep = s.keep;
        staged = s.touches_gradient();
        cautious = s.is_cautious();
    }

    STEEPEST_HD STEEPEST_INLINE Stage<T> stage() const {
        Stage<T> s;
        if constexpr (sizeof(T) == 8)
            s = constants_->stage_f64;
        else
            s = constants_->stage_f32;
        const Scalar& scale = pass_.grad_scale_at;
        if (scale.at) s.grad_scale = read_scalar<T>(scale.at, scale.is_f64);
        if (pass_.clip) s.factor = s.factor * T(pass_.clip[pass_.clips_each ? tensor_.order : 0]);
        return s;
    }

    STEEPEST_HD STEEPEST_INLINE T gradient(T g, T p) const {
        return staged ? staged_gradient(stage(), g, p) : g;
    }

    STEEPEST_HD STEEPEST_INLINE uint32_t draw() const {
        return static_cast<uint32_t>(constants_->step);
    }
};

// Calls visit(stream, whether it has a value per row) for the streams of rows and columns.
template <class R, class Visit>
STEEPEST_HD STEEPEST_INLINE void each_axis(Visit&& visit) {
    constexpr unsigned kElements = element_streams<R>();
    constexpr unsigned kRows = row_streams<R>() | unsigned{kHasRows<R>} << kReducedStreams<R>;
    STEEPEST_UNROLL
    for (int s = 2; s < kStreamsOf<R>; ++s)
        if (!(kElements >> s & 1)) visit(s, (kRows >> s & 1) != 0);
}

// Such a stream's data and type: the new averages or the values of rows in T, or as it is stored.
struct AxisStream {
    const void* data;
    uint8_t dtype;
};
template <class R, class T>
STEEPEST_HD STEEPEST_INLINE AxisStream axis_stream(const Tensor& t, const Axes& a, int s,
                                                   uint8_t dtype) {
    if constexpr (kHasRows<R> || kHasAverages<R, T>)
        return {a.axis_new[kHasRows<R> ? 0 : s - 2],
                static_cast<uint8_t>(sizeof(T) == 8 ? DType::f64 : DType::f32)};
    else
        return {in_global_memory(t.stream[s]), dtype};
}

template <class R, class T>
STEEPEST_HD STEEPEST_INLINE T axis_value(const Tensor& t, const Axes& a, int s, uint8_t dtype,
                                         int64_t i) {
    const AxisStream stream = axis_stream<R, T>(t, a, s, dtype);
    Raw<T> raw;
    raw.fetch_one(0, stream.data, stream.dtype, i);
    return raw.decode_one(0, stream.dtype);
}

// Calls put(stream, value) with what a place has in the rows and columns that a rule is given,
// stored as dtype(stream) says.
template <class R, class T, class DTypeOf, class Put>
STEEPEST_HD STEEPEST_INLINE void read_given(const Tensor& t, const Axes& a, const Place& at,
                                            DTypeOf&& dtype, Put&& put) {
    each_axis<R>([&](int s, bool row) {
        const int64_t i = row != a.column_major ? at.line : at.position;
        put(s, axis_value<R, T>(t, a, s, dtype(s), i));
    });
}

// Stores one value of a state that is no element stream, for the random draw of that number.
template <class T>
STEEPEST_HD STEEPEST_INLINE void store_state(const Pass& pass, const Tensor& t, int s, int64_t i,
                                             T value, uint32_t draw) {
    // One element, from itself on.
    const int64_t size = sizeof(T) == 8 ? 8 : is_half(t.dtype[s]) ? 2 : 4;
    const Sink to{static_cast<char*>(t.stream[s]) + i * size,
                  i,
                  {pass.seed, kRoundingPurpose + static_cast<uint32_t>(s), draw, t.id},
                  t.dtype[s],
                  false,
                  (t.random >> s & 1) != 0};
    store_one(to, value, 0);
}

// Calls put(stream, k, value) with what rows and columns have for kEach neighbours, `element` the
// first. Mostly they are in one line.
template <class R, class T, int kEach, class DTypeOf, class Put>
STEEPEST_HD STEEPEST_INLINE void read_axes(const Tensor& t, const Axes& a, int64_t element,
                                           DTypeOf&& dtype, Put&& put) {
    Walk walk(a, element);
    if (kEach == 1 || walk.left >= kEach) {
        each_axis<R>([&](int s, bool row) {
            if (row != a.column_major) {
                const T value = axis_value<R, T>(t, a, s, dtype(s), walk.at.line);
                STEEPEST_UNROLL
                for (int k = 0; k < kEach; ++k) put(s, k, value);
            } else {
                const auto [from, type] = axis_stream<R, T>(t, a, s, dtype(s));
                Raw<T> raw;
                raw.template fetch_apart<kEach, 1>(from, type, walk.at.position);
                STEEPEST_UNROLL
                for (int k = 0; k < kEach; ++k) put(s, k, raw.decode_one(k, type));
            }
        });
        return;
    }
    if constexpr (kEach > 1) {
        STEEPEST_ROLLED
        for (int k = 0; k < kEach; ++k) {
            each_axis<R>([&](int s, bool row) {
                const int64_t i = row != a.column_major ? walk.at.line : walk.at.position;
                put(s, k, axis_value<R, T>(t, a, s, dtype(s), i));
            });
            walk.step();
        }
    }
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
