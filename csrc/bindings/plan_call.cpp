// One call of a plan: gradients, options, and what the C ABI wants to see.
#include "bindings/plan.h"

namespace steepest::bindings {

Place Plan::place_for(const py::dict& keywords) const {
    Place place = place_;
    if (!place.on_device()) return place;
    const bool given = keywords.contains("stream");
    place.follow(given ? to_stream(keywords["stream"]) : call_.stream);
    return place;
}

void Plan::move_to(const Place& place) {
    if (last_stream_ == place.stream()) return;
    place.wait_for(last_stream_);
    // A captured call happens at replays, which their caller orders; the next call still has to
    // follow the last one that ran.
    if (place.captures()) return;
    last_stream_ = place.stream();
    last_stream_owner_ = place.stream_owner();
}

void Plan::set_gradient(size_t i, py::handle grad, Place& place) {
    steepest_tensor& t = tensors_[i];
    const ArgName name = name_of("grads", i);
    void* data = nullptr;
    DType dtype = DType::f32;
    if (matches(grad, shapes_[i], place, data, dtype)) {
        const Array a{.data = data, .dtype = dtype};
        check_stream(i, a, name, true);
        held_.push_back(py::reinterpret_borrow<py::object>(grad));
    } else {
        const Array a = to_array(grad, name, place);
        check_stream(i, a, name, true);
        check_layout(i, a, name, STEEPEST_ELEMENT);
        data = a.data;
        dtype = a.dtype;
        held_memory_.push_back(a.keep);
    }
    if (const Extent* e = written_.find(data, t.count * size_of(dtype), overlap_hint_[i]))
        value_error(name.text() + ": memory shared with " + ArgName{e->stream, e->tensor}.text() +
                    " given, expected arrays that do not overlap");
    t.grad = {data, static_cast<int32_t>(dtype), STEEPEST_NEAREST};
}

void Plan::set_gradients(py::handle grads, Place& place) {
    none_count_ = 0;
    const auto set = [&](size_t i, py::handle grad) {
        if (grad.is_none()) {
            tensors_[i].grad = {};
            ++none_count_;
        } else {
            set_gradient(i, grad, place);
        }
    };
    if (!is_list_) {
        if (is_list(grads))
            type_error("grads: a " + type_name(grads) +
                       " given, expected one array because params is one array");
        set(0, grads);
        return;
    }
    if (!is_list(grads))
        type_error("grads: " + type_name(grads) +
                   " given, expected a list because params is a list");
    const auto items = py::reinterpret_steal<py::object>(PySequence_Tuple(grads.ptr()));
    if (!items) throw py::error_already_set();
    const Py_ssize_t given = PyTuple_GET_SIZE(items.ptr());
    if (given != size())
        value_error("grads: list of " + std::to_string(given) + " given, expected one of " +
                    std::to_string(size()) + " as in params");
    held_.push_back(items);
    for (Py_ssize_t i = 0; i < given; ++i)
        set(static_cast<size_t>(i), PyTuple_GET_ITEM(items.ptr(), i));
}

void Plan::check_needed_states(const Options& options) const {
    for (size_t s = 0; s < rule_.states.size(); ++s) {
        const steepest_state_info& state = *rule_.states[s];
        if (!state.optional || state.needed_by < 0 || !state_missing_[s]) continue;
        if (options.hyper[static_cast<size_t>(state.needed_by)] != 0 && size() > 0)
            value_error(std::string(state.name) + ": None given, expected an array because " +
                        rule_.info.hypers[state.needed_by].name + " is not 0");
    }
}

void Plan::check_list_sums(const Plan& other) const {
    if (list_terms() == 0) type_error(rule_name_ + ": has no sums over the list of tensors");
    if (rule_name_ != other.rule_name_)
        type_error("Plan: " + rule_name_ + " given, expected " + other.rule_name_ +
                   " as in the first plan of a common call");
    for (size_t s = 0; s < rule_.states.size(); ++s)
        for (size_t i = 0; i < tensors_.size(); ++i)
            if (tensors_[i].count > 0 && tensors_[i].grad.data && !tensors_[i].state[s].data)
                value_error(name_of(rule_.states[s]->name, i).text() +
                            ": None given, expected an array because the sums over the list "
                            "need all states of " +
                            rule_name_);
}

void Plan::check_steps(const Options& options) const {
    const bool given = options.step.all.given() || !options.step.each.empty();
    if (given || (!rule_.info.needs_step && !random_)) return;
    type_error(rule_name_ + "() missing keyword argument 'step'" +
               (rule_.info.needs_step ? "" : ", which stochastic rounding needs"));
}

steepest_group Plan::group(int rule_id, const std::vector<steepest_tensor>& tensors) const {
    return {.rule = rule_id,
            .decay = bound_.cautious ? STEEPEST_DECAY_CAUTIOUS : bound_.decay,
            .maximize = bound_.maximize,
            .hyper_count = static_cast<int32_t>(bound_.hyper.size()),
            .hyper = bound_.hyper.data(),
            .tensor_count = static_cast<int64_t>(tensors.size()),
            .tensors = tensors.data()};
}

void Plan::set_numbers() {
    for (size_t i = 0; i < tensors_.size(); ++i) {
        const Count step = bound_.step.at(i);
        const Rate lr = bound_.lr.at(i);
        tensors_[i].step = step.value;
        tensors_[i].step_at = step.at;
        tensors_[i].lr = lr.value;
        tensors_[i].lr_at = lr.at;
        tensors_[i].weight_decay = bound_.weight_decay.at(i);
    }
}

// Steps and rates on the device are arrays of the call like any other.
void Plan::check_device_values() {
    size_t hint = 0;
    const auto check = [&](const void* data, const char* name, size_t i) {
        const Extent* e = data ? written_.find(data, 1, hint) : nullptr;
        if (e)
            value_error(name_of(name, i).text() + ": memory shared with " +
                        ArgName{e->stream, e->tensor}.text() +
                        " given, expected arrays that do not overlap");
    };
    for (size_t i = 0; i < tensors_.size(); ++i) {
        check(tensors_[i].step_at, "step", i);
        check(tensors_[i].lr_at.data, "lr", i);
    }
}

Plan::Bound Plan::bind(py::handle grads, const py::dict& keywords, Place& place,
                       CallOptions& call) {
    bound_ = options_;
    const Target target{size(), place};
    for (const auto& [key, value] : keywords) {
        const KeywordSlot* slot = rule_.find(key.ptr());
        if (!slot || !set_option(rule_, *slot, value, target, bound_, call))
            type_error("Plan call got an unexpected keyword argument " + repr_text(key));
    }
    check_options(bound_);
    check_steps(bound_);
    check_needed_states(bound_);
    set_gradients(grads, place);
    set_numbers();
    if (!bound_.kept.empty()) check_device_values();
    Bound b;
    if (rule_.vector_id < 0) {
        b.group[b.groups++] = group(rule_.id, tensors_);
        return b;
    }
    for (auto& part : split_) part.clear();
    for (size_t i = 0; i < tensors_.size(); ++i)
        split_[goes_to_vector_rule(i)].push_back(tensors_[i]);
    b.group[b.groups++] = group(rule_.id, split_[0]);
    b.group[b.groups++] = group(rule_.vector_id, split_[1]);
    return b;
}

Plan::Partner& Plan::partner(const Plan& other) {
    for (Partner& p : partners_)
        if (p.serial == other.serial_) return p;
    size_t hint = 0;
    for (const Extent& e : written_.extents())
        if (const Extent* o = other.written_.find(reinterpret_cast<const void*>(e.begin),
                                                  static_cast<int64_t>(e.end - e.begin), hint))
            value_error(ArgName{e.stream, e.tensor}.text() + ": memory shared with " +
                        ArgName{o->stream, o->tensor}.text() +
                        " of another group given, expected arrays that do not overlap");
    constexpr size_t kRemembered = 64;
    if (partners_.size() == kRemembered) partners_.erase(partners_.begin());
    partners_.push_back({other.serial_, std::vector<size_t>(tensors_.size(), 0)});
    return partners_.back();
}

void Plan::check_apart_from(const Plan& other) {
    Partner& p = partner(other);
    for (size_t i = 0; i < tensors_.size(); ++i) {
        const steepest_array& g = tensors_[i].grad;
        const int64_t bytes = g.data ? tensors_[i].count * size_of(static_cast<DType>(g.dtype)) : 0;
        if (const Extent* e = other.written_.find(g.data, bytes, p.overlap_hint[i]))
            value_error(name_of("grads", i).text() + ": memory shared with " +
                        ArgName{e->stream, e->tensor}.text() +
                        " of another group given, expected arrays that do not overlap");
    }
}

void Plan::leave() {
    held_.clear();
    held_memory_.clear();
    bound_.kept.clear();
    busy_.clear(std::memory_order_release);
}

}  // namespace steepest::bindings
