#include "bindings/rules.h"

#include <pybind11/stl.h>

#include <cmath>
#include <cstring>
#include <memory>

namespace steepest::bindings {
namespace {

std::vector<std::string> split(const char* text) {
    std::vector<std::string> parts;
    for (const char* at = text; at;) {
        const char* bar = std::strchr(at, '|');
        parts.emplace_back(at, bar ? static_cast<size_t>(bar - at) : std::strlen(at));
        at = bar ? bar + 1 : nullptr;
    }
    return parts;
}

py::object default_value(const steepest_hyper_info& h, int k) {
    if (std::isnan(h.value[k])) return py::none();
    if (h.type == 1) return py::bool_(h.value[k] != 0);
    if (h.type == 2) return py::str(split(h.choices)[static_cast<size_t>(h.value[k])]);
    return py::float_(h.value[k]);
}

py::dict describe_hyper(const steepest_hyper_info& h) {
    py::object value = default_value(h, 0);
    if (h.length > 1) {
        py::tuple values(h.length);
        for (int k = 0; k < h.length; ++k) values[static_cast<size_t>(k)] = default_value(h, k);
        value = values;
    }
    py::object choices = py::none();
    if (h.type == 2) choices = py::tuple(py::cast(split(h.choices)));
    return py::dict(py::arg("name") = h.name, py::arg("default") = value,
                    py::arg("choices") = choices, py::arg("doc") = h.doc);
}

py::dict describe_state(const steepest_state_info& s) {
    constexpr const char* kinds[] = {"element", "row", "column", "tensor"};
    constexpr const char* forms[] = {"any", "matrix", "vector"};
    return py::dict(py::arg("name") = s.name, py::arg("kind") = kinds[s.kind],
                    py::arg("form") = forms[s.form], py::arg("optional") = s.optional != 0,
                    py::arg("doc") = s.doc);
}

steepest_rule_info info_of(int id) {
    steepest_rule_info info{};
    info.struct_size = sizeof info;
    throw_status(steepest_rule_describe(id, &info));
    return info;
}

using RuleTable = std::vector<std::unique_ptr<Rule>>;

const RuleTable& table() {
    static const RuleTable* rules = [] {
        auto* t = new RuleTable;
        for (int id = 0; id < steepest_rule_count(); ++id) t->push_back(std::make_unique<Rule>(id));
        return t;
    }();
    return *rules;
}

}  // namespace

Rule::Rule(int rule_id) : id(rule_id), info(info_of(rule_id)) {
    for (int s = 0; s < info.state_count; ++s) states.push_back(&info.states[s]);
    vector_states = info.state_count;
    if (info.vector_rule) {
        vector_id = steepest_rule_find(info.vector_rule);
        vector_info = info_of(vector_id);
        for (int s = 0; s < vector_info.state_count; ++s) states.push_back(&vector_info.states[s]);
    }
    for (int s = 0; s < static_cast<int>(states.size()); ++s)
        add_keyword(states[static_cast<size_t>(s)]->name, Keyword::state, s);
    for (int h = 0; h < info.hyper_count; ++h) {
        hyper_offset.push_back(static_cast<int>(hyper_defaults.size()));
        for (int k = 0; k < info.hypers[h].length; ++k)
            hyper_defaults.push_back(info.hypers[h].value[k]);
        add_keyword(info.hypers[h].name, Keyword::hyper, h);
    }
    add_keyword("step", Keyword::step);
    add_keyword("lr", Keyword::lr);
    add_keyword("weight_decay", Keyword::weight_decay);
    if (info.decay != STEEPEST_DECAY_OWN) {
        add_keyword("decoupled_weight_decay", Keyword::decoupled);
        add_keyword("cautious_weight_decay", Keyword::cautious);
    }
    add_keyword("maximize", Keyword::maximize);
    add_keyword("grad_scale", Keyword::grad_scale);
    add_keyword("max_grad_norm", Keyword::max_grad_norm);
    add_keyword("max_tensor_norm", Keyword::max_tensor_norm);
    add_keyword("max_grad_value", Keyword::max_grad_value);
    add_keyword("skip_nonfinite", Keyword::skip_nonfinite);
    add_keyword("working_copy", Keyword::working_copy);
    add_keyword("rounding", Keyword::rounding);
    add_keyword("seed", Keyword::seed);
    add_keyword("tensor_ids", Keyword::tensor_ids);
    add_keyword("stream", Keyword::stream);
}

void Rule::add_keyword(const char* name, Keyword keyword, int index) {
    keywords_.push_back({PyUnicode_InternFromString(name), keyword, index});
}

const KeywordSlot* Rule::find(PyObject* name) const {
    // Keywords written in source code are interned, so the pointers nearly always agree.
    for (const KeywordSlot& slot : keywords_)
        if (slot.name == name) return &slot;
    for (const KeywordSlot& slot : keywords_)
        if (PyUnicode_Compare(slot.name, name) == 0) return &slot;
    return nullptr;
}

py::dict Rule::describe() const {
    constexpr const char* decays[] = {"l2", "decoupled", "own"};
    py::list state_list, hyper_list;
    for (const auto* s : states) state_list.append(describe_state(*s));
    for (int h = 0; h < info.hyper_count; ++h) hyper_list.append(describe_hyper(info.hypers[h]));
    return py::dict(
        py::arg("name") = info.name, py::arg("class_name") = info.class_name,
        py::arg("summary") = info.summary, py::arg("source") = info.source, py::arg("lr") = info.lr,
        py::arg("weight_decay") = info.weight_decay, py::arg("decay") = decays[info.decay],
        py::arg("needs_step") = info.needs_step != 0, py::arg("public") = info.is_public != 0,
        py::arg("list_terms") = info.list_terms, py::arg("streams") = state_list,
        py::arg("hypers") = hyper_list);
}

const Rule& rule_by_id(int id) { return *table()[static_cast<size_t>(id)]; }

const Rule& rule_by_name(const std::string& name) {
    const int id = steepest_rule_find(name.c_str());
    if (id >= 0 && rule_by_id(id).info.is_public) return rule_by_id(id);
    std::string known;
    for (const auto& r : table())
        if (r->info.is_public) known += (known.empty() ? "" : ", ") + std::string(r->info.name);
    value_error("rule: '" + name + "' given, expected one of " + known);
}

const Rule& stage_by_name(const std::string& name) {
    const int id = steepest_rule_find(name.c_str());
    return id >= 0 ? rule_by_id(id) : rule_by_name(name);
}

py::list all_rules() {
    py::list out;
    for (const auto& r : table()) out.append(r->describe());
    return out;
}

}  // namespace steepest::bindings
