// What a rule is. A rule file declares
//
//   template <class T> struct Name {
//       struct Constants {...};                                 what apply reads, in T
//       static constexpr RuleSpec spec = {...};                 names, defaults, source
//       static Constants prepare(const Prepare&);               from step and hyper-parameters
//       static void apply(const Constants&, T& p, T g, T& state...);
//   };
//
// and, when something must be known about a whole tensor before it can be applied, either or both
// of
//
//       static constexpr int kTerms = n;                        sums over the tensor; prepare runs
//       again static void reduce(const Constants&, T p, T g, T state..., double (&term)[kTerms]);
//
//       static double axis_term(T g);                           averaged along rows and along
//       columns static T axis_update(const Constants&, T state, double mean); static T
//       row_factor(const Constants&, T row, double mean_of_rows);
//
// A rule of row and column states that are to hold the largest terms in place of averages has
//
//       static T axis_maximum(T g, T row, T column);            0 or more, or NaN
//
// and apply reads the states as they were before.
//
// With
//
//       static constexpr bool kOverList = true;
//
// the sums are over all tensors of a call and no part of a step: steepest_list_sums gives them
// beforehand, and who steps makes keywords of what follows from them.
//
// Without any axis function the row and column states are given: read as they are stored, and never
// written.
//
// A rule whose last state is of Kind::tensor, one number for the tensor, has sums too and
//
//       static double next_state(const Prepare&);               the number after the step, of its
//       value so far and the sums; prepare runs once more with it. Neither reduce nor apply sees it
//       static bool needs_sums(const Constants&);               optional: false leaves out the pass
//       static bool needs_list_norm(const double* hyper);       optional: true has the norm of all
//       gradients of the call in Prepare
//
// A rule whose sums are first those of rows, a row being an index of the tensor's first axis, has
//
//       static constexpr int kRowTerms = m;                     what reduce gives, summed over rows
//       static void row_terms(const Constants&, const double (&row)[kRowTerms],
//                             double (&term)[kTerms]);          from a row's sums to the terms that
//       are summed over all rows for prepare
//       static T row_value(const Constants&, const double (&row)[kRowTerms]);   what apply gets in
//       that row as its last argument, with the constants made of these sums
//
// Tensors of fewer than two dimensions are one row, and their `row_length` in Prepare is 0.
//
// `kInPlace`: the parameter may be the gradient's own array, and is then left alone by a step that
// has nothing to do to gradients.
//
// `kOverwrites`: apply writes the parameter without reading it.
//
// `struct Usual` with `fits(const Constants&)` and an `apply` of its own is a faster way to the
// same bits on the host, for constants that it fits.
//
// Unless its decay is its own, apply moves the parameter by what does not depend on the parameter:
// p = p - u. The driver decays before or after, and for cautious decay asks for the sign of u.
//
// The functions work on scalars and run on host and device. The drivers own everything else:
// storage types, gradient scaling, clipping, weight decay, threads and launches.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/target.h"

namespace steepest {

enum class Kind : int32_t { element = 0, row = 1, column = 2, tensor = 3 };
enum class Form : int32_t {
    any = 0,
    matrix = 1,
    vector = 2
};  // of the tensors that have the stream
// Of a rule: l2, decoupled or own. Of a call: the rule's own, else any of the others.
enum class Decay : int32_t { l2 = 0, decoupled = 1, own = 2, cautious = 3 };

struct StateSpec {
    const char* name;
    const char* doc;
    Kind kind = Kind::element;
    bool optional = false;
    Form form = Form::any;
    int needed_by = -1;        // an optional state is needed when this keyword is not 0
    bool only_summed = false;  // of an element: sums over the list read it, a step does not
};

enum class HyperType : int32_t { number = 0, boolean = 1, choice = 2 };

// One keyword argument of `length` numbers, at most three. The range is closed below and open or
// closed above.
struct HyperSpec {
    const char* name;
    const char* doc;
    double value[3];
    int length = 1;
    double low = 0;
    double high = __builtin_inf();
    bool high_open = false;
    HyperType type = HyperType::number;
    const char* choices = nullptr;  // names separated by '|', whose position is the value
    bool none_allowed = false;      // None arrives as NaN and means "from the dtype"
};

inline constexpr int kMaxStates = 4;
inline constexpr int kMaxStreams = 2 + kMaxStates;  // parameter, gradient, states
inline constexpr int kMaxHypers = 6;                // keywords
inline constexpr int kMaxHyperValues = 8;           // numbers in all of them
inline constexpr int kMaxTerms = 5;                 // summed over a tensor, or over each row

struct RuleSpec {
    const char* name;
    const char* class_name;  // of the optimizer; "" for a rule that others are made of
    const char* summary;
    const char* source;
    Decay decay;
    double lr;
    double weight_decay;
    bool needs_step;
    StateSpec states[kMaxStates];
    HyperSpec hypers[kMaxHypers];
    const char* vector_rule =
        nullptr;  // the rule that takes this one's tensors of fewer than 2 dimensions
    bool is_public = true;
};

// Whether the sums of rule R are over all tensors of a call.
template <class R>
inline constexpr bool kSumsOverList = requires { requires R::kOverList; };

constexpr int count_states(const RuleSpec& s) {
    int n = 0;
    while (n < kMaxStates && s.states[n].name) ++n;
    return n;
}

// Those that reduce and apply see: all but a tensor state, which stands last.
constexpr int count_passed(const RuleSpec& s) {
    int n = 0;
    while (n < count_states(s) && s.states[n].kind != Kind::tensor) ++n;
    return n;
}

constexpr bool has_tensor_state(const RuleSpec& s) { return count_passed(s) < count_states(s); }

constexpr bool has_axis_states(const RuleSpec& s) {
    for (int i = 0; i < count_passed(s); ++i)
        if (s.states[i].kind != Kind::element) return true;
    return false;
}

constexpr int count_hypers(const RuleSpec& s) {
    int n = 0;
    while (n < kMaxHypers && s.hypers[n].name) ++n;
    return n;
}

// What prepare may read. `sum` holds the totals of the reduce pass, or is null before it.
struct Prepare {
    int64_t step;
    double lr;
    double weight_decay;
    const double* hyper;  // the keywords' numbers one after the other, in the order of the spec
    double count;         // elements of the tensor
    double row_length;    // of an index of the first axis; 0: fewer than two dimensions
    double param_eps;     // distance from 1 to the next number in the parameter's storage type
    uint64_t seed;        // of the call, for rules that draw a number for all tensors
    double list_norm;     // L2 norm of all gradients of the call, scaled and clipped, if asked for
    double state;         // the tensor state: its old value for next_state, its new one for prepare
    const double* sum;
};

inline namespace STEEPEST_TARGET {

template <class R>
inline constexpr bool kHasRows = requires { R::kRowTerms; };

// Terms that reduce gives.
template <class R>
constexpr int count_reduced() {
    if constexpr (kHasRows<R>) return R::kRowTerms;
    return R::kTerms;
}

}  // namespace STEEPEST_TARGET

// The keywords that many rules share.
inline constexpr HyperSpec kBetas{
    "betas", "decay rates of the first and second moment", {0.9, 0.999}, 2, 0, 1, true};
constexpr HyperSpec eps_hyper(double value) {
    return {"eps", "added to the denominator", {value, 0}};
}
inline constexpr StateSpec kExpAvg{"exp_avg", "first moment: moving average of the gradient"};
inline constexpr StateSpec kExpAvgSq{"exp_avg_sq",
                                     "second moment: moving average of the squared gradient"};

}  // namespace steepest
