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

template <template <class> class Rule>
constexpr HostRule make_rule() {
    using F = Rule<float>;
    using D = Rule<double>;
    HostRule r{.spec = F::spec,
               .terms = 0,
               .axes = has_axis_states(F::spec),
               .averages = false,
               .defaults = {},
               .prepare = {prepare<F>, prepare<D>},
               .axis_update = {},
               .row_factor = {}};
    for (int h = 0, at = 0; h < count_hypers(r.spec); ++h)
        for (int k = 0; k < r.spec.hypers[h].length; ++k)
            r.defaults[at++] = r.spec.hypers[h].value[k];
    if constexpr (requires { F::kTerms; }) r.terms = F::kTerms;
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
