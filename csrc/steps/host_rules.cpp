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

// The sums of row i as the array that rules take.
template <class R>
void gather(const RowSums& rows, int64_t i, double (&row)[R::kRowTerms]) {
    for (int t = 0; t < R::kRowTerms; ++t)
        row[t] = rows.sum[t * rows.term_stride + i * rows.row_stride];
}

template <class R>
void of_rows(const void* constants, const RowSums& rows, int64_t n, double* out) {
    const auto& c = *static_cast<const typename R::Constants*>(constants);
    for (int64_t i = 0; i < n; ++i) {
        double row[R::kRowTerms], term[R::kTerms];
        gather<R>(rows, i, row);
        R::row_terms(c, row, term);
        for (int t = 0; t < R::kTerms; ++t) out[t * kTile + i] = term[t];
    }
}

template <class R, class T>
void row_values(const void* constants, const RowSums& rows, int64_t n, void* values) {
    const auto& c = *static_cast<const typename R::Constants*>(constants);
    for (int64_t i = 0; i < n; ++i) {
        double row[R::kRowTerms];
        gather<R>(rows, i, row);
        static_cast<T*>(values)[i] = R::row_value(c, row);
    }
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
               .overwrites = requires { F::kOverwrites; },
               .defaults = {},
               .prepare = {prepare<F>, prepare<D>},
               .next_state = {},
               .needs_list_norm = nullptr,
               .of_rows = {},
               .row_values = {},
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
        r.of_rows[0] = of_rows<F>;
        r.of_rows[1] = of_rows<D>;
        r.row_values[0] = row_values<F, float>;
        r.row_values[1] = row_values<D, double>;
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
