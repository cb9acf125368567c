// Runs plans through the C ABI, and shows them to Python.
#include <cstdlib>
#include <new>

#include "bindings/plan.h"

namespace steepest::bindings {
namespace {

constexpr size_t kAlignment = 64;

// Below this many elements releasing the interpreter lock costs more than the step.
constexpr int64_t kWorthReleasing = 4096;

// Enters plans and leaves those it has entered.
class Running {
  public:
    explicit Running(const std::vector<Plan*>& plans) {
        for (Plan* plan : plans) {
            if (!plan->enter()) {
                leave();
                raise(PyExc_RuntimeError,
                      "Plan: already running or given twice, expected one call at a time");
            }
            entered_.push_back(plan);
        }
    }
    ~Running() { leave(); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

  private:
    void leave() {
        for (Plan* plan : entered_) plan->leave();
        entered_.clear();
    }
    std::vector<Plan*> entered_;
};

void* aligned(std::unique_ptr<char[]>& memory) {
    const auto at = reinterpret_cast<uintptr_t>(memory.get());
    return reinterpret_cast<void*>((at + kAlignment - 1) / kAlignment * kAlignment);
}

// Grows the workspace of the first plan to what the step needs, which is remembered for the next
// call.
steepest_status step_with_workspace(steepest_step_args& args, Plan& owner) {
    args.workspace = owner.workspace ? aligned(owner.workspace) : nullptr;
    args.workspace_size = owner.workspace_size;
    const steepest_status status = steepest_step(&args);
    if (status != STEEPEST_WORKSPACE_TOO_SMALL) return status;
    size_t size = 0;
    if (const auto s = steepest_step_workspace(&args, &size)) return s;
    try {
        owner.workspace = std::make_unique_for_overwrite<char[]>(size + kAlignment);
    } catch (const std::bad_alloc&) {
        return STEEPEST_OUT_OF_MEMORY;
    }
    owner.workspace_size = size;
    args.workspace = aligned(owner.workspace);
    args.workspace_size = size;
    return steepest_step(&args);
}

bool run_one(Plan& plan, const py::object& grads, const py::kwargs& keywords) {
    return run_plans({&plan}, {grads}, {keywords}, plan.call_defaults());
}

// plan(grads, **options) for a plan that lives for one call.
bool run_once(const Rule& rule, const py::args& args, const py::kwargs& kwargs) {
    const size_t expected = 2 + rule.states.size();
    if (args.size() > expected)
        type_error(std::string(rule.info.name) + "() takes " + std::to_string(expected) +
                   " positional arguments but " + std::to_string(args.size()) + " were given");
    py::dict rest = kwargs;  // the interpreter made it for this call: ours to change
    py::object leading[2];
    const char* names[2] = {"params", "grads"};
    for (size_t i = 0; i < 2; ++i) {
        const bool given = rest.contains(names[i]);
        if (args.size() > i && given)
            type_error(std::string(rule.info.name) + "() got multiple values for argument '" +
                       names[i] + "'");
        if (args.size() <= i && !given)
            type_error(std::string(rule.info.name) + "() missing argument '" + names[i] + "'");
        leading[i] = args.size() > i ? py::object(args[i]) : py::object(rest.attr("pop")(names[i]));
    }
    for (size_t s = 0; s + 2 < args.size(); ++s) {
        if (rest.contains(rule.states[s]->name))
            type_error(std::string(rule.info.name) + "() got multiple values for argument '" +
                       rule.states[s]->name + "'");
        rest[rule.states[s]->name] = args[s + 2];
    }
    Plan plan(rule, leading[0], rest);
    return run_plans({&plan}, {leading[1]}, {py::dict()}, plan.call_defaults());
}

[[noreturn]] void refuse(const char* what) {
    type_error(std::string("Plan: ") + what + " is not possible");
}

}  // namespace

bool run_plans(const std::vector<Plan*>& plans, const std::vector<py::object>& grads,
               const std::vector<py::dict>& keywords, CallOptions call) {
    if (plans.empty()) return true;
    Running running(plans);
    std::vector<steepest_group> groups;
    int64_t elements = 0;
    for (size_t i = 0; i < plans.size(); ++i) {
        const Plan::Bound bound = plans[i]->bind(grads[i], keywords[i], call);
        groups.insert(groups.end(), bound.group, bound.group + bound.groups);
        elements += plans[i]->elements();
        if (plans[i]->seed() != plans[0]->seed())
            value_error(
                "seed: plans with different seeds given, expected one seed for a common call");
    }
    for (Plan* plan : plans)
        for (Plan* other : plans)
            if (plan != other) plan->check_apart_from(*other);
    steepest_step_args args{};
    args.struct_size = sizeof args;
    args.group_size = sizeof(steepest_group);
    args.tensor_size = sizeof(steepest_tensor);
    args.group_count = static_cast<int64_t>(groups.size());
    args.groups = groups.data();
    args.grad_scale = call.grad_scale;
    args.max_grad_norm = call.max_grad_norm;
    args.skip_nonfinite = call.skip_nonfinite;
    args.seed = plans[0]->seed();
    steepest_status status;
    if (elements < kWorthReleasing) {
        status = step_with_workspace(args, *plans[0]);
    } else {
        py::gil_scoped_release release;
        status = step_with_workspace(args, *plans[0]);
    }
    throw_status(status);
    return args.skipped == 0;
}

void bind_plan(py::module_& m) {
    py::class_<Plan>(m, "Plan")
        .def(py::init([](const std::string& rule, py::handle params, const py::kwargs& arguments) {
                 return std::make_unique<Plan>(rule_by_name(rule), params, arguments);
             }),
             py::arg("rule"), py::arg("params"))
        .def("__call__", &run_one, py::arg("grads"))
        .def_property_readonly("rule", &Plan::rule_name)
        .def_property_readonly("last_none_count", &Plan::last_none_count)
        .def("__reduce__", [](const Plan&) { refuse("pickling"); })
        .def("__copy__", [](const Plan&) { refuse("copying"); })
        .def("__deepcopy__", [](const Plan&, py::handle) { refuse("copying"); });

    m.def(
        "run",
        [](const py::sequence& calls, const py::kwargs& keywords) {
            std::vector<Plan*> plans;
            std::vector<py::object> grads;
            std::vector<py::dict> options;
            for (py::handle item : calls) {
                const auto call = py::cast<py::tuple>(item);
                plans.push_back(py::cast<Plan*>(call[0]));
                grads.push_back(call[1]);
                options.push_back(py::cast<py::dict>(call[2]));
            }
            CallOptions call;
            for (const auto& [key, value] : keywords) {
                const std::string name = py::cast<std::string>(key);
                if (name == "grad_scale")
                    set_call_option(Keyword::grad_scale, value, call);
                else if (name == "max_grad_norm")
                    set_call_option(Keyword::max_grad_norm, value, call);
                else if (name == "skip_nonfinite")
                    set_call_option(Keyword::skip_nonfinite, value, call);
                else
                    type_error("run() got an unexpected keyword argument '" + name + "'");
            }
            return run_plans(plans, grads, options, call);
        },
        py::arg("calls"));

    m.def("bind_rule", [](const std::string& name) {
        const Rule& rule = rule_by_name(name);
        return py::cpp_function([&rule](const py::args& args, const py::kwargs& kwargs) {
            return run_once(rule, args, kwargs);
        });
    });
}

}  // namespace steepest::bindings
