#include "steps/host_rules.h"

#include <cstring>

#include "steps/rules/all.h"

namespace steepest {
namespace {

template <class R>
void prepare(const Prepare& in, void* constants) {
    *static_cast<typename R::Constants*>(constants) = R::prepare(in);
}

template <class R, class T>
void axis_update(const void* constants, const void* state, const double* mean, void* out,
                 int64_t n) {
    const auto& c = *static_cast<const typename R::Constants*>(constants);
    for (int64_t i = 0; i < n; ++i)
        static_cast<T*>(out)[i] = R::axis_update(c, static_cast<const T*>(state)[i], mean[i]);
}

template <class R, class T>
void row_factor(const void* constants, void* rows, double mean_of_rows, int64_t n) {
    const auto& c = *static_cast<const typename R::Constants*>(constants);
    T* row = static_cast<T*>(rows);
    for (int64_t i = 0; i < n; ++i) row[i] = R::row_factor(c, row[i], mean_of_rows);
}

// The sums of a row as the array that rules take.
template <class R>
using RowSums = double[R::kRowTerms];

template <class R>
const RowSums<R>& as_row(const double* row) {
    return *reinterpret_cast<const RowSums<R>*>(row);
}

template <class R>
void of_row(const void* constants, const double* row, double* term) {
    const auto& c = *static_cast<const typename R::Constants*>(constants);
    R::row_terms(c, as_row<R>(row), *reinterpret_cast<double (*)[R::kTerms]>(term));
}

template <class R, class T>
void row_value(const void* constants, const double* row, void* value) {
    const auto& c = *static_cast<const typename R::Constants*>(constants);
    *static_cast<T*>(value) = R::row_value(c, as_row<R>(row));
}

template <template <class> class Rule>
constexpr HostRule make_rule() {
    using F = Rule<float>;
    using D = Rule<double>;
    HostRule r{.spec = F::spec,
               .terms = 0,
               .list_terms = 0,
               .row_terms = 0,
               .axes = has_axis_states(F::spec) || kHasRows<F>,
               .averages = false,
               .maxima = requires { F::axis_maximum(0.0F, 0.0F, 0.0F); },
               .in_place = requires { F::kInPlace; },
               .defaults = {},
               .prepare = {prepare<F>, prepare<D>},
               .next_state = {},
               .needs_list_norm = nullptr,
               .of_row = {},
               .row_value = {},
               .axis_update = {},
               .row_factor = {}};
    for (int h = 0, at = 0; h < count_hypers(r.spec); ++h)
        for (int k = 0; k < r.spec.hypers[h].length; ++k)
            r.defaults[at++] = r.spec.hypers[h].value[k];
    if constexpr (requires { F::kTerms; }) (kSumsOverList<F> ? r.list_terms : r.terms) = F::kTerms;
    if constexpr (has_tensor_state(F::spec)) {
        static_assert(count_passed(F::spec) + 1 == count_states(F::spec) && F::kTerms > 0);
        r.next_state[0] = F::next_state;
        r.next_state[1] = D::next_state;
    }
    if constexpr (kHasRows<F>) {
        static_assert(!has_axis_states(F::spec) && !has_tensor_state(F::spec));
        static_assert(F::kRowTerms <= kMaxTerms && F::kTerms <= kMaxTerms);
        r.row_terms = F::kRowTerms;
        r.of_row[0] = of_row<F>;
        r.of_row[1] = of_row<D>;
        r.row_value[0] = row_value<F, float>;
        r.row_value[1] = row_value<D, double>;
    }
    if constexpr (requires { F::needs_list_norm; }) r.needs_list_norm = F::needs_list_norm;
    if constexpr (requires { F::axis_term(0.0F); }) {
        r.averages = true;
        r.axis_update[0] = axis_update<F, float>;
        r.axis_update[1] = axis_update<D, double>;
        r.row_factor[0] = row_factor<F, float>;
        r.row_factor[1] = row_factor<D, double>;
    }
    return r;
}

template <template <class> class... Rule>
const HostRule* table(RuleList<Rule...>) {
    static constexpr HostRule rules[] = {make_rule<Rule>()...};
    return rules;
}

}  // namespace

int rule_count() { return kRules; }

const HostRule& host_rule(int rule) { return table(Rules{})[rule]; }

int find_rule(const char* name) {
    for (int r = 0; r < kRules; ++r)
        if (std::strcmp(host_rule(r).spec.name, name) == 0) return r;
    return -1;
}

}  // namespace steepest
