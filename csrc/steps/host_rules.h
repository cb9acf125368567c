// The host's side of the rule table: descriptions, and the functions that run once per tensor or
// row rather than once per element.
#pragma once

#include "steps/job.h"

namespace steepest {

struct HostRule {
    RuleSpec spec;
    int terms;      // of the reduce pass, 0: none
    bool axes;      // has row and column states
    bool averages;  // which it moves to averages of the gradient; otherwise they are given
    double defaults[kMaxHyperValues];
    // Index [0] is float, [1] is double.
    void (*prepare[2])(const Prepare& in, void* constants);
    // state[i] -> out[i] in T, given the mean of the axis terms along i.
    void (*axis_update[2])(const void* constants, const void* state, const double* mean, void* out,
                           int64_t n);
    void (*row_factor[2])(const void* constants, void* rows, double mean_of_rows, int64_t n);
};

int rule_count();
const HostRule& host_rule(int rule);
int find_rule(const char* name);

}  // namespace steepest
