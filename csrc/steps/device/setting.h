// What a kernel knows about a rule and a tensor besides the arrays.
#pragma once

#include <type_traits>

#include "steps/device/locate.h"
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
          constants_(pass.constants ? pass.constants + t.settings : &pass.inline_constants),
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

// Calls use(line, position): the line of an element in memory, and its position in a line, both
// counted over the batch.
template <class Use>
STEEPEST_HD STEEPEST_INLINE void at_axes(const Axes& a, int64_t element, Use&& use) {
    const auto i = static_cast<uint64_t>(element);
    const auto inner = static_cast<uint64_t>(a.inner);
    const auto outer = static_cast<uint64_t>(a.outer);
    // Divisions of 64 bits take many times as long as those of 32.
    const uint64_t line =
        (i | inner) >> 32 ? i / inner : static_cast<uint32_t>(i) / static_cast<uint32_t>(inner);
    const uint64_t matrix = line < outer ? 0 : line / outer;
    use(line, matrix * inner + (i - line * inner));
}

// Calls put(stream, value) with the row and column averages of an element. The order is asked for
// twice: kept, it takes a register too many.
template <class R, class T, class Put>
STEEPEST_HD STEEPEST_INLINE void read_averages(const Axes& a, int64_t element, Put&& put) {
    static_assert(R::spec.states[0].kind == Kind::row && R::spec.states[1].kind == Kind::column);
    at_axes(a, element, [&](uint64_t line, uint64_t position) {
        put(2, static_cast<const T*>(a.axis_new[0])[a.column_major ? position : line]);
        put(3, static_cast<const T*>(a.axis_new[1])[a.column_major ? line : position]);
    });
}

// The same of values that are given, stored as dtype(stream) says.
template <class R, class T, class DTypeOf, class Put>
STEEPEST_HD STEEPEST_INLINE void read_given(const Tensor& t, const Axes& a, int64_t element,
                                            DTypeOf&& dtype, Put&& put) {
    constexpr unsigned kElements = element_streams<R>();
    constexpr unsigned kRows = row_streams<R>();
    at_axes(a, element, [&](uint64_t line, uint64_t position) {
        STEEPEST_UNROLL
        for (int s = 2; s < kStreamsOf<R>; ++s) {
            if (kElements >> s & 1) continue;
            const bool along = (kRows >> s & 1) != a.column_major;  // the lines, not across them
            Raw<T> raw;
            raw.fetch_one(0, in_global_memory(t.stream[s]), dtype(s),
                          static_cast<int64_t>(along ? line : position));
            put(s, raw.decode_one(0, dtype(s)));
        }
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

template <class R, class T, class DTypeOf, class Put>
STEEPEST_HD STEEPEST_INLINE void read_axes(const Tensor& t, const Axes& a, int64_t element,
                                           DTypeOf&& dtype, Put&& put) {
    if constexpr (kHasRows<R>)
        at_axes(a, element, [&](uint64_t line, uint64_t position) {
            put(kReducedStreams<R>,
                static_cast<const T*>(a.axis_new[0])[a.column_major ? position : line]);
        });
    else if constexpr (kHasAverages<R, T>)
        read_averages<R, T>(a, element, put);
    else
        read_given<R, T>(t, a, element, dtype, put);
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
