// The host's side of the rule table: descriptions, and the functions that run once per tensor or
// row rather than once per element.
#pragma once

#include "steps/job.h"

namespace steepest {

// Where the sums of rows lie: those of one term `row_stride` apart.
struct RowSums {
    const double* sum;
    int64_t row_stride, term_stride;
};

struct HostRule {
    RuleSpec spec;
    int terms;        // of the reduce pass, 0: none
    int list_terms;   // of sums over the list of tensors, 0: none
    int row_terms;    // of those that are summed over rows first, 0: none are
    bool axes;        // has row and column states, or values of rows
    bool averages;    // which it moves to averages of the gradient ...
    bool maxima;      // ... or sets to the largest terms; otherwise they are given
    bool in_place;    // the parameter may be the gradient
    bool overwrites;  // the parameter is written without being read
    double defaults[kMaxHyperValues];
    // Index [0] is float, [1] is double.
    void (*prepare[2])(const Prepare& in, void* constants);
    double (*next_state[2])(const Prepare& in);    // null: there is no tensor state
    bool (*needs_list_norm)(const double* hyper);  // null: never
    // From the sums of n rows to the terms of their tensor, kTile apart from term to term, and to
    // a T of each row for apply.
    void (*of_rows[2])(const void* constants, const RowSums& rows, int64_t n, double* term);
    void (*row_values[2])(const void* constants, const RowSums& rows, int64_t n, void* value);
    // state[i] -> out[i] in T, given the mean of the axis terms along i.
    void (*axis_update[2])(const void* constants, const void* state, const double* mean, void* out,
                           int64_t n);
    void (*row_factor[2])(const void* constants, void* rows, double mean_of_rows, int64_t n);
};

int rule_count();
const HostRule& host_rule(int rule);
int find_rule(const char* name);

}  // namespace steepest
