// The rule table as Python sees it, and the keyword arguments of each rule.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "bindings/errors.h"

namespace steepest::bindings {

// What a keyword sets. State and hyper carry a position.
enum class Keyword {
    state,
    hyper,
    step,
    lr,
    weight_decay,
    decoupled,
    cautious,
    maximize,
    grad_scale,
    max_grad_norm,
    max_tensor_norm,
    max_grad_value,
    skip_nonfinite,
    working_copy,
    rounding,
    seed,
    tensor_ids,
    stream,
};

struct KeywordSlot {
    PyObject* name;  // interned
    Keyword keyword;
    int index;
};

// A rule with the one that takes its tensors of fewer than 2 dimensions, whose states and keywords
// it shares.
class Rule {
  public:
    explicit Rule(int id);

    int id;
    steepest_rule_info info{};
    int vector_id = -1;
    steepest_rule_info vector_info{};

    // States of both, in order; from `vector_states` on they are the vector rule's.
    std::vector<const steepest_state_info*> states;
    int vector_states = 0;
    std::vector<double> hyper_defaults;
    std::vector<int> hyper_offset;  // of each keyword's first number

    // Null when the rule has no such keyword.
    const KeywordSlot* find(PyObject* name) const;
    py::dict describe() const;

  private:
    void add_keyword(const char* name, Keyword keyword, int index = 0);
    std::vector<KeywordSlot> keywords_;
};

const Rule& rule_by_id(int id);
const Rule& rule_by_name(const std::string& name);   // ValueError for an unknown or internal one
const Rule& stage_by_name(const std::string& name);  // internal ones too
py::list all_rules();

}  // namespace steepest::bindings
