// The table of a backend: how it runs each kernel of each rule. Built from the rule list, so that a
// new rule needs nothing here.
#pragma once

#include "steps/device/apply.h"
#include "steps/device/axes.h"
#include "steps/device/backend.h"
#include "steps/device/rows.h"
#include "steps/device/sums.h"
#include "steps/rules/all.h"

namespace steepest::device {

inline namespace STEEPEST_TARGET {

template <class Backend, class R, class T>
constexpr RuleRuns make_runs() {
    RuleRuns r{.name = R::spec.name,
               .apply = {Backend::template apply<R, T, Storage::plain>, nullptr, nullptr},
               .prepare = Backend::template prepare<R, T>,
               .reduce = nullptr,
               .axis_sums = nullptr,
               .update_axes = nullptr,
               .scale_rows = nullptr,
               .row_sums = nullptr,
               .fold_rows = nullptr,
               .row_values = nullptr};
    if constexpr (sizeof(T) == 4) {
        r.apply[1] = Backend::template apply<R, T, Storage::coded>;
        r.apply[2] = Backend::template apply<R, T, Storage::random>;
    }
    if constexpr (kHasRows<R>) {
        r.row_sums = Backend::template row_sums<R, T>;
        r.fold_rows = Backend::template fold_rows<R, T>;
        r.row_values = Backend::template row_values<R, T>;
    } else if constexpr (requires { R::kTerms; }) {
        r.reduce = Backend::template reduce<R, T>;
    }
    if constexpr (kHasAverages<R, T> || kHasMaxima<R, T>) {
        r.axis_sums = Backend::template axis_sums<R, T>;
        r.update_axes = Backend::template update_axes<R, T>;
    }
    if constexpr (kHasAverages<R, T>) r.scale_rows = Backend::template scale_rows<R, T>;
    return r;
}

// By rule, for one precision.
template <class Backend, class T, template <class> class... Rule>
const RuleRuns* rule_runs(RuleList<Rule...>) {
    static constexpr RuleRuns runs[] = {make_runs<Backend, Rule<T>, T>()...};
    return runs;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
