// Construction of a plan: parameters, states, working copies, rounding.
#include "bindings/plan.h"

#include <algorithm>

namespace steepest::bindings {
namespace {

std::atomic<uint64_t> next_serial{0};

// An argument as one object per tensor.
std::vector<py::object> per_tensor(py::handle given, const char* name, bool list, int64_t count) {
    std::vector<py::object> items;
    if (!list) {
        if (is_list(given))
            type_error(std::string(name) + ": a " + type_name(given) +
                       " given, expected one array because params is one array");
        items.push_back(py::reinterpret_borrow<py::object>(given));
        return items;
    }
    if (!is_list(given))
        type_error(std::string(name) + ": " + type_name(given) +
                   " given, expected a list because params is a list");
    for (py::handle item : given) items.push_back(py::reinterpret_borrow<py::object>(item));
    if (static_cast<int64_t>(items.size()) != count)
        value_error(std::string(name) + ": list of " + std::to_string(items.size()) +
                    " given, expected one of " + std::to_string(count) + " as in params");
    return items;
}

steepest_array c_array(const Array& a) {
    return {a.data, static_cast<int32_t>(a.dtype), STEEPEST_NEAREST};
}

// A vector is a matrix of one column.
std::vector<int64_t> expected_extent(const Shape& param, int kind) {
    std::vector<int64_t> e = param.extent;
    if (kind == STEEPEST_TENSOR) e.assign(e.size(), 1);
    if (e.size() < 2) {
        if (kind == STEEPEST_COLUMN) e.assign(e.size(), 1);
        return e;
    }
    if (kind == STEEPEST_ROW) e[e.size() - 1] = 1;
    if (kind == STEEPEST_COLUMN) e[e.size() - 2] = 1;
    return e;
}

}  // namespace

Plan::Plan(const Rule& rule, py::handle params, const py::dict& arguments)
    : serial_(next_serial.fetch_add(1)),
      rule_(rule),
      rule_name_(rule.info.name),
      place_("params", &arguments),
      options_(default_options(rule)) {
    state_missing_.assign(rule.states.size(), true);
    read_params(params);
    place_.settle_on_host();  // where params is empty
    last_stream_ = place_.stream();
    last_stream_owner_ = place_.stream_owner();
    read_arguments(arguments);
    check_states_complete();
    written_.seal();
    overlap_hint_.assign(tensors_.size(), 0);
}

void Plan::read_params(py::handle params) {
    is_list_ = is_list(params);
    const auto items = per_tensor(params, "params", is_list_, is_list_ ? py::len(params) : 1);
    for (size_t i = 0; i < items.size(); ++i) {
        const ArgName name = name_of("params", i);
        Array a = to_array(items[i], name, place_);
        shapes_.push_back(a.shape);
        steepest_tensor t{};
        t.count = a.shape.count();
        t.id = static_cast<uint32_t>(i);
        t.param = c_array(a);
        tensors_.push_back(t);
        check_output(a, name);
        check_stream(i, a, name, true);
        if (!is_dense(a.shape))
            value_error(name.text() +
                        ": array with gaps or overlaps given, expected a dense one "
                        "(C order, F order or another order without gaps)");
        written_.add(a.data, t.count * size_of(a.dtype), "params", name.index);
        elements_ += t.count;
        if ((has_axes() || rule_.info.row_sums) && !goes_to_vector_rule(i)) set_matrix(i, a, name);
        keep_.push_back(std::move(a.keep));
    }
}

// What the rule takes for rows and columns: the last two axes, or the first and all others.
void Plan::set_matrix(size_t i, const Array& a, const ArgName& name) {
    steepest_tensor& t = tensors_[i];
    const auto& e = a.shape.extent;
    const bool whole = rule_.info.row_sums != 0;
    if (e.size() < 2) {
        if (whole) return;
        t.rows = t.count;
        t.cols = 1;
        t.column_major = 1;
        return;
    }
    if (!is_c_order(a.shape) && !(e.size() == 2 && is_f_order(a.shape)))
        value_error(name.text() +
                    ": memory order given that is neither C nor, for a matrix, F order; "
                    "this rule needs one of them for its rows and columns");
    if (t.count == 0) return;
    t.rows = whole ? e[0] : e[e.size() - 2];
    t.cols = whole ? t.count / e[0] : e[e.size() - 1];
    t.column_major = !is_c_order(a.shape);
}

bool Plan::has_axes() const {
    return std::any_of(rule_.states.begin(), rule_.states.end(), [](const steepest_state_info* s) {
        return s->kind == STEEPEST_ROW || s->kind == STEEPEST_COLUMN;
    });
}

bool Plan::goes_to_vector_rule(size_t i) const {
    return rule_.vector_id >= 0 && shapes_[i].extent.size() < 2;
}

void Plan::read_arguments(const py::dict& arguments) {
    py::handle rounding;
    const Target target{size(), place_};
    for (const auto& [key, value] : arguments) {
        const KeywordSlot* slot = rule_.find(key.ptr());
        if (!slot)
            type_error(rule_name_ + "() got an unexpected keyword argument " + repr_text(key));
        if (set_option(rule_, *slot, value, target, options_, call_)) continue;
        switch (slot->keyword) {
            case Keyword::state:
                read_states(slot->index, value);
                break;
            case Keyword::working_copy:
                read_working_copy(value);
                break;
            case Keyword::rounding:
                rounding = value;
                break;
            case Keyword::seed:
                seed_ = to_seed(value);
                break;
            default:
                read_tensor_ids(value);
                break;
        }
    }
    check_options(options_);
    if (rounding) read_rounding(rounding);
}

// Checks of one array.

void Plan::check_output(const Array& a, const ArgName& name) const {
    if (a.refusal)
        buffer_error(name.text() + ": " + a.refusal +
                     " array given, expected one that may be written");
}

void Plan::check_stream(size_t i, const Array& a, const ArgName& name, bool f16_allowed) const {
    const bool f64 = tensors_[i].param.dtype == STEEPEST_F64;
    if ((a.dtype == DType::f64) != f64)
        type_error(
            name.text() + ": dtype " + dtype_name(a.dtype) + " given, expected " +
            (f64 ? "float64 because the parameter is float64"
                 : "a type other than float64 because the parameter is " +
                       std::string(dtype_name(static_cast<DType>(tensors_[i].param.dtype)))));
    if (a.dtype == DType::f16 && !f16_allowed)
        type_error(name.text() + ": dtype float16 given, expected float32 or bfloat16 for a state");
    if (reinterpret_cast<uintptr_t>(a.data) % static_cast<uintptr_t>(size_of(a.dtype)))
        value_error(name.text() + ": memory given that is not aligned to its item size of " +
                    std::to_string(size_of(a.dtype)) + " bytes");
}

void Plan::check_layout(size_t i, const Array& a, const ArgName& name, int kind) const {
    const Shape& param = shapes_[i];
    const auto expected = expected_extent(param, kind);
    if (a.shape.extent != expected)
        value_error(name.text() + ": shape " + a.shape.text() + " given, expected " +
                    Shape{expected, {}}.text());
    if (kind == STEEPEST_ELEMENT && !same_layout(a.shape, param))
        value_error(name.text() + ": strides " + Shape{a.shape.stride, {}}.text() +
                    " given (in elements), expected those of the parameter, " +
                    Shape{param.stride, {}}.text());
    if (kind != STEEPEST_ELEMENT && !is_c_order(a.shape))
        value_error(name.text() + ": strides " + Shape{a.shape.stride, {}}.text() +
                    " given (in elements), expected C order");
}

// States and other arrays of the construction.

void Plan::add_state(size_t i, int state, const Array& a, const ArgName& name) {
    const bool vector_state = state >= rule_.vector_states;
    if (vector_state != goes_to_vector_rule(i))
        value_error(name.text() + ": array given, expected None for a parameter of " +
                    std::to_string(shapes_[i].extent.size()) + " dimensions");
    check_output(a, name);
    check_stream(i, a, name, false);
    check_layout(i, a, name, rule_.states[static_cast<size_t>(state)]->kind);
    written_.add(a.data, a.shape.count() * size_of(a.dtype), name.name, name.index);
    tensors_[i].state[vector_state ? state - rule_.vector_states : state] = c_array(a);
    keep_.push_back(a.keep);
}

void Plan::read_states(int state, py::handle given) {
    if (given.is_none()) return;
    const char* stream = rule_.states[static_cast<size_t>(state)]->name;
    const auto items = per_tensor(given, stream, is_list_, size());
    bool missing = false;
    for (size_t i = 0; i < items.size(); ++i) {
        if (items[i].is_none()) {
            missing = true;
            continue;
        }
        const ArgName name = name_of(stream, i);
        add_state(i, state, to_array(items[i], name, place_), name);
    }
    state_missing_[static_cast<size_t>(state)] = missing;
}

void Plan::check_states_complete() const {
    for (size_t s = 0; s < rule_.states.size(); ++s) {
        const steepest_state_info& state = *rule_.states[s];
        const bool vector_state = static_cast<int>(s) >= rule_.vector_states;
        if (!state_missing_[s] || state.optional) continue;
        for (size_t i = 0; i < tensors_.size(); ++i) {
            if (vector_state != goes_to_vector_rule(i)) continue;
            const int slot = static_cast<int>(s) - (vector_state ? rule_.vector_states : 0);
            if (tensors_[i].state[slot].data || tensors_[i].count == 0) continue;
            type_error(name_of(state.name, i).text() +
                       ": None given, expected an array: " + rule_name_ + " needs this state");
        }
    }
}

void Plan::read_working_copy(py::handle given) {
    if (given.is_none()) return;
    const auto items = per_tensor(given, "working_copy", is_list_, size());
    for (size_t i = 0; i < items.size(); ++i) {
        if (items[i].is_none()) continue;
        const ArgName name = name_of("working_copy", i);
        const Array a = to_array(items[i], name, place_);
        check_output(a, name);
        if (tensors_[i].param.dtype == STEEPEST_F64)
            type_error(name.text() + ": working copy of a float64 parameter given, expected None");
        check_stream(i, a, name, true);
        check_layout(i, a, name, STEEPEST_ELEMENT);
        written_.add(a.data, tensors_[i].count * size_of(a.dtype), name.name, name.index);
        tensors_[i].working_copy = c_array(a);
        keep_.push_back(a.keep);
    }
}

void Plan::read_rounding(py::handle given) {
    if (!PyDict_Check(given.ptr())) {
        set_rounding("params", given);
        set_rounding("working_copy", given);
        for (const auto* s : rule_.states) set_rounding(s->name, given);
        return;
    }
    for (const auto& [stream, mode] : py::reinterpret_borrow<py::dict>(given))
        set_rounding(py::cast<std::string>(py::str(stream)), mode);
}

void Plan::set_rounding(const std::string& stream, py::handle mode) {
    if (!PyUnicode_Check(mode.ptr()))
        type_error("rounding: " + type_name(mode) + " given, expected a str or a dict");
    const std::string text = py::cast<std::string>(mode);
    if (text != "nearest" && text != "stochastic")
        value_error("rounding: " + repr_text(mode) +
                    " given, expected 'nearest', 'stochastic' or a dict of stream names to these");
    const int32_t rounding = text == "stochastic" ? STEEPEST_STOCHASTIC : STEEPEST_NEAREST;
    random_ = random_ || rounding;
    int found = 0;
    for (steepest_tensor& t : tensors_) {
        if (stream == "params") t.param.rounding = rounding;
        if (stream == "working_copy") t.working_copy.rounding = rounding;
    }
    for (size_t s = 0; s < rule_.states.size(); ++s) {
        if (stream != rule_.states[s]->name) continue;
        found = 1;
        const bool vector_state = static_cast<int>(s) >= rule_.vector_states;
        for (size_t i = 0; i < tensors_.size(); ++i)
            if (vector_state == goes_to_vector_rule(i))
                tensors_[i]
                    .state[s - static_cast<size_t>(vector_state ? rule_.vector_states : 0)]
                    .rounding = rounding;
    }
    if (!found && stream != "params" && stream != "working_copy")
        value_error("rounding: stream '" + stream +
                    "' given, expected params, working_copy or a state of " + rule_name_);
}

void Plan::read_tensor_ids(py::handle given) {
    if (given.is_none()) return;
    if (!is_list_ && is_list(given))
        type_error("tensor_ids: a " + type_name(given) +
                   " given, expected one int because params is one array");
    const auto items = per_tensor(given, "tensor_ids", is_list_, size());
    for (size_t i = 0; i < items.size(); ++i) {
        const int64_t id = to_integer(items[i], "tensor_ids", 0);
        if (id > UINT32_MAX)
            value_error("tensor_ids: " + repr_text(items[i]) + " given, expected < 2**32");
        tensors_[i].id = static_cast<uint32_t>(id);
    }
}

}  // namespace steepest::bindings
