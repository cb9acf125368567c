#include "bindings/options.h"

#include <pybind11/numpy.h>

#include <cmath>
#include <cstring>
#include <string>

namespace steepest::bindings {
namespace {

std::string number_text(double x) { return repr_text(py::float_(x)); }

std::string range_text(const steepest_hyper_info& h) {
    return "in [" + number_text(h.low) + ", " + number_text(h.high) + (h.high_open ? ")" : "]");
}

double in_range(double x, const steepest_hyper_info& h, py::handle given) {
    const bool below = h.high_open ? x < h.high : x <= h.high;
    if (!(x >= h.low && below))
        value_error(std::string(h.name) + ": " + repr_text(given) + " given, expected a number " +
                    range_text(h));
    return x;
}

double choice_value(py::handle value, const steepest_hyper_info& h) {
    if (!PyUnicode_Check(value.ptr()))
        type_error(std::string(h.name) + ": " + type_name(value) + " given, expected one of " +
                   h.choices);
    const std::string given = py::cast<std::string>(value);
    int position = 0;
    for (const char* at = h.choices; at; ++position) {
        const char* bar = std::strchr(at, '|');
        const size_t length = bar ? static_cast<size_t>(bar - at) : std::strlen(at);
        if (given.size() == length && given.compare(0, length, at, length) == 0) return position;
        at = bar ? bar + 1 : nullptr;
    }
    value_error(std::string(h.name) + ": '" + given + "' given, expected one of " + h.choices);
}

double hyper_value(py::handle value, const steepest_hyper_info& h) {
    if (h.none_allowed && value.is_none()) return std::nan("");
    if (h.type == 1) return to_bool(value, h.name);
    if (h.type == 2) return choice_value(value, h);
    return in_range(to_number(value, {h.name}), h, value);
}

void set_hyper(const steepest_hyper_info& h, py::handle value, double* to) {
    if (h.length == 1) {
        *to = hyper_value(value, h);
        return;
    }
    if (!PyTuple_Check(value.ptr()) && !PyList_Check(value.ptr()))
        type_error(std::string(h.name) + ": " + type_name(value) + " given, expected a tuple of " +
                   std::to_string(h.length) + " numbers");
    const auto items = py::reinterpret_borrow<py::sequence>(value);
    if (static_cast<int>(items.size()) != h.length)
        value_error(std::string(h.name) + ": " + std::to_string(items.size()) +
                    " numbers given, expected " + std::to_string(h.length));
    // All are known to be right before the first is set.
    double checked[sizeof h.value / sizeof *h.value];
    for (int k = 0; k < h.length; ++k) {
        const py::object item = items[static_cast<size_t>(k)];
        checked[k] = hyper_value(item, h);
    }
    std::copy_n(checked, h.length, to);
}

double non_negative(py::handle value, const ArgName& name) {
    const double x = to_number(value, name);
    if (!(x >= 0) || std::isinf(x))
        value_error(name.text() + ": " + repr_text(value) +
                    " given, expected a finite number >= 0");
    return x;
}

double positive(py::handle value, const char* name) {
    const double x = to_number(value, {name});
    if (!(x >= 0x1p-126 && x <= 0x1p127))
        value_error(std::string(name) + ": " + repr_text(value) +
                    " given, expected a number > 0 in the range of float32");
    return x;
}

bool is_sequence(py::handle value) {
    if (PyList_Check(value.ptr()) || PyTuple_Check(value.ptr())) return true;
    return py::isinstance<py::array>(value) && py::cast<py::array>(value).ndim() == 1;
}

template <class T, class Convert>
void set_per_tensor(py::handle value, const char* name, int64_t count, PerTensor<T>& to,
                    Convert&& convert) {
    if (!is_sequence(value)) {
        to.all = convert(value, ArgName{name});
        to.each.clear();
        return;
    }
    const auto items = py::reinterpret_borrow<py::sequence>(value);
    if (static_cast<int64_t>(items.size()) != count)
        value_error(std::string(name) + ": " + std::to_string(items.size()) +
                    " values given, expected one per tensor, that is " + std::to_string(count));
    std::vector<T> each;
    for (int64_t i = 0; i < count; ++i) {
        const py::object item = items[static_cast<size_t>(i)];
        each.push_back(convert(item, ArgName{name, i}));
    }
    to.each = std::move(each);
}

Count to_count(py::handle value, const ArgName& name, Place& place, Kept& kept) {
    if (is_device_value(value, place)) return device_count(value, name, place, kept);
    return {to_integer(value, name.text().c_str(), 1)};
}

Rate to_rate(py::handle value, const ArgName& name, Place& place, Kept& kept) {
    if (is_device_value(value, place)) return device_rate(value, name, place, kept);
    return {non_negative(value, name)};
}

Rate to_scale(py::handle value, Place& place, Kept& kept) {
    if (is_device_value(value, place)) return device_rate(value, {"grad_scale"}, place, kept);
    return {positive(value, "grad_scale")};
}

}  // namespace

double to_number(py::handle value, const ArgName& name) {
    if (PyFloat_CheckExact(value.ptr())) return PyFloat_AS_DOUBLE(value.ptr());
    if (!PyNumber_Check(value.ptr()) || PyComplex_Check(value.ptr()))
        type_error(name.text() + ": " + type_name(value) + " given, expected a number");
    const double x = PyFloat_AsDouble(value.ptr());
    if (x == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        type_error(name.text() + ": " + type_name(value) + " given, expected a number");
    }
    return x;
}

double to_bound(py::handle value, const char* name) {
    const double x = to_number(value, {name});
    if (!(x > 0))
        value_error(std::string(name) + ": " + repr_text(value) + " given, expected a number > 0");
    return x;
}

// An int, or a NumPy integer and the like; no bool and no float.
static py::object as_int(py::handle value, const char* name) {
    py::object index;
    if (!PyBool_Check(value.ptr()) && !PyFloat_Check(value.ptr()))
        index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (index) return index;
    PyErr_Clear();
    type_error(std::string(name) + ": " + type_name(value) + " given, expected an int");
}

int64_t to_integer(py::handle value, const char* name, int64_t low) {
    int overflow = 0;
    const long long x = PyLong_AsLongLongAndOverflow(as_int(value, name).ptr(), &overflow);
    if (overflow || x < low)
        value_error(std::string(name) + ": " + repr_text(value) + " given, expected an int >= " +
                    std::to_string(low) + (overflow > 0 ? " and < 2**63" : ""));
    return x;
}

uint64_t to_seed(py::handle value) {
    const unsigned long long x = PyLong_AsUnsignedLongLong(as_int(value, "seed").ptr());
    if (PyErr_Occurred()) {
        PyErr_Clear();
        value_error("seed: " + repr_text(value) + " given, expected an int in [0, 2**64)");
    }
    return x;
}

bool to_bool(py::handle value, const char* name) {
    if (PyBool_Check(value.ptr())) return value.ptr() == Py_True;
    if (std::string(Py_TYPE(value.ptr())->tp_name).rfind("numpy.bool", 0) == 0)
        return PyObject_IsTrue(value.ptr()) == 1;
    type_error(std::string(name) + ": " + type_name(value) + " given, expected a bool");
}

Options default_options(const Rule& rule) {
    Options o;
    o.lr.all = {rule.info.lr};
    o.weight_decay.all = rule.info.weight_decay;
    o.hyper = rule.hyper_defaults;
    o.decay = rule.info.decay;
    return o;
}

void check_options(const Options& options) {
    if (options.cautious && options.decay != STEEPEST_DECAY_DECOUPLED)
        value_error(
            "cautious_weight_decay: True given, expected False because decoupled_weight_decay is "
            "False: the gradient's own decay is part of the step");
}

void set_call_option(Keyword keyword, py::handle value, Place& place, CallOptions& call) {
    if (keyword == Keyword::skip_nonfinite) {
        call.skip_nonfinite = to_bool(value, "skip_nonfinite");
    } else if (keyword == Keyword::grad_scale) {
        call.grad_scale = value.is_none() ? Rate{1} : to_scale(value, place, call.kept);
    } else if (keyword == Keyword::stream) {
        call.stream = to_stream(value);
    } else if (keyword == Keyword::max_grad_norm) {
        call.max_grad_norm = -1;
        if (value.is_none()) return;
        const double x = to_number(value, {"max_grad_norm"});
        if (!(x >= 0))
            value_error("max_grad_norm: " + repr_text(value) + " given, expected a number >= 0");
        call.max_grad_norm = x;
    } else if (keyword == Keyword::max_tensor_norm) {
        call.max_tensor_norm = value.is_none() ? 0 : to_bound(value, "max_tensor_norm");
    } else if (keyword == Keyword::max_grad_value) {
        call.max_grad_value = value.is_none() ? 0 : to_bound(value, "max_grad_value");
    }
}

bool set_option(const Rule& rule, const KeywordSlot& slot, py::handle value, const Target& target,
                Options& options, CallOptions& call) {
    switch (slot.keyword) {
        case Keyword::hyper: {
            const auto h = static_cast<size_t>(slot.index);
            set_hyper(rule.info.hypers[h], value, options.hyper.data() + rule.hyper_offset[h]);
            return true;
        }
        case Keyword::step:
            if (value.is_none() && !rule.info.needs_step) return true;
            set_per_tensor(value, "step", target.count, options.step,
                           [&](py::handle v, const ArgName& name) {
                               return to_count(v, name, target.place, options.kept);
                           });
            return true;
        case Keyword::lr:
            set_per_tensor(value, "lr", target.count, options.lr,
                           [&](py::handle v, const ArgName& name) {
                               return to_rate(v, name, target.place, options.kept);
                           });
            return true;
        case Keyword::weight_decay:
            set_per_tensor(value, "weight_decay", target.count, options.weight_decay, non_negative);
            return true;
        case Keyword::decoupled:
            options.decay = to_bool(value, "decoupled_weight_decay") ? STEEPEST_DECAY_DECOUPLED
                                                                     : STEEPEST_DECAY_L2;
            return true;
        case Keyword::cautious:
            options.cautious = to_bool(value, "cautious_weight_decay");
            return true;
        case Keyword::maximize:
            options.maximize = to_bool(value, "maximize");
            return true;
        case Keyword::grad_scale:
        case Keyword::max_grad_norm:
        case Keyword::max_tensor_norm:
        case Keyword::max_grad_value:
        case Keyword::skip_nonfinite:
        case Keyword::stream:
            set_call_option(slot.keyword, value, target.place, call);
            return true;
        default:
            return false;
    }
}

}  // namespace steepest::bindings
