// Runs plans through the C ABI, and shows them to Python.
#include <cstdlib>
#include <new>

#include "bindings/device_flag.h"
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

steepest_status step_on_host(steepest_step_args& args, Plan& owner, int64_t elements) {
    if (elements < kWorthReleasing) return step_with_workspace(args, owner);
    py::gil_scoped_release release;
    return step_with_workspace(args, owner);
}

// Others may have the interpreter while CUDA makes the call wait for room in its queue.
steepest_status launch(steepest_step_args& args, const Workspace& workspace) {
    args.workspace = workspace.memory.data();
    args.workspace_size = workspace.size;
    args.mirror = workspace.mirror.get();
    args.mirror_size = workspace.mirror_size;
    py::gil_scoped_release release;
    return steepest_step(&args);
}

// As step_with_workspace, with memory from the allocator of the arrays' framework.
steepest_status step_on_device(steepest_step_args& args, Plan& owner, const Place& place) {
    std::shared_ptr<Workspace>& workspace = owner.device_workspace;
    if (workspace) {
        workspace->is_captured = workspace->is_captured || place.captures();
        workspace->memory.used_on(place);
        const steepest_status status = launch(args, *workspace);
        if (status != STEEPEST_WORKSPACE_TOO_SMALL) return status;
    }
    size_t size = 0, mirror_size = 0;
    if (const auto s = steepest_step_workspace(&args, &size)) return s;
    if (const auto s = steepest_step_mirror(&args, &mirror_size)) return s;
    // Graphs go on using the memory that they were captured with.
    if (workspace && workspace->is_captured) owner.captured_workspaces.push_back(workspace);
    workspace = std::make_shared<Workspace>(size, mirror_size, place);
    workspace->is_captured = place.captures();
    return launch(args, *workspace);
}

py::object outcome(const steepest_step_args& args, const Plan& owner, const Place& place) {
    if (!args.stream) return py::bool_(args.skipped == 0);
    if (!args.skip_nonfinite || !args.skipped_at) return py::bool_(true);
    if (!place.on_device()) return py::bool_(*args.skipped_at == 0);  // emulated on the host
    return py::cast(DeviceFlag(owner.device_workspace, args.skipped_at));
}

py::object run_one(Plan& plan, const py::object& grads, const py::kwargs& keywords) {
    return run_plans({{&plan}, {grads}, {keywords}}, plan.place_for(keywords),
                     plan.call_defaults());
}

// plan(grads, **options) for a plan that lives for one call.
py::object run_once(const Rule& rule, const py::args& args, const py::kwargs& kwargs) {
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
    return run_plans({{&plan}, {leading[1]}, {py::dict()}}, plan.place(), plan.call_defaults());
}

Keyword call_keyword(const std::string& name) {
    if (name == "grad_scale") return Keyword::grad_scale;
    if (name == "max_grad_norm") return Keyword::max_grad_norm;
    if (name == "skip_nonfinite") return Keyword::skip_nonfinite;
    if (name == "stream") return Keyword::stream;
    type_error("run() got an unexpected keyword argument '" + name + "'");
}

[[noreturn]] void refuse(const char* what) {
    type_error(std::string("Plan: ") + what + " is not possible");
}

void check_stream(const Place& place, const CallOptions& call) {
    if (!call.stream.handle) return;
    if (!place.stream())
        value_error("stream: given, expected None because params are in host memory");
    if (place.on_device() && call.stream.handle != place.exporters_stream())
        value_error("stream: given for one plan of a common call, expected one for all");
}

// Brings all plans to where the first one is.
void move_together(const PlanCalls& calls, const Place& place) {
    for (Plan* plan : calls.plans) {
        if (!plan->place().same_as(place))
            value_error("params: arrays " + place_text(plan->place().device()) +
                        " given, expected some " + place_text(place.device()) +
                        " as in the first plan");
        plan->move_to(place);
    }
}

struct Groups {
    std::vector<steepest_group> list;
    int64_t elements = 0;
};

Groups bind_all(const PlanCalls& calls, Place& place, CallOptions& call) {
    const std::vector<Plan*>& plans = calls.plans;
    Groups groups;
    for (size_t i = 0; i < plans.size(); ++i) {
        const Plan::Bound bound = plans[i]->bind(calls.grads[i], calls.keywords[i], place, call);
        groups.list.insert(groups.list.end(), bound.group, bound.group + bound.groups);
        groups.elements += plans[i]->elements();
        if (plans[i]->seed() != plans[0]->seed())
            value_error(
                "seed: plans with different seeds given, expected one seed for a common call");
    }
    for (Plan* plan : plans)
        for (Plan* other : plans)
            if (plan != other) plan->check_apart_from(*other);
    return groups;
}

}  // namespace

py::object run_plans(const PlanCalls& calls, Place place, CallOptions call) {
    if (calls.plans.empty()) return py::bool_(true);
    Plan& first = *calls.plans[0];
    Running running(calls.plans);
    if (calls.plans.size() > 1 || place.stream()) move_together(calls, place);
    const Groups groups = bind_all(calls, place, call);
    check_stream(place, call);
    steepest_step_args args{};
    args.struct_size = sizeof args;
    args.group_size = sizeof(steepest_group);
    args.tensor_size = sizeof(steepest_tensor);
    args.group_count = static_cast<int64_t>(groups.list.size());
    args.groups = groups.list.data();
    args.grad_scale = call.grad_scale.value;
    args.grad_scale_at = call.grad_scale.at;
    args.max_grad_norm = call.max_grad_norm;
    args.skip_nonfinite = call.skip_nonfinite;
    args.seed = first.seed();
    args.stream = place.stream();
    args.device = place.device_argument();
    if (call.check_only) {
        size_t size = 0;
        throw_status(steepest_step_workspace(&args, &size));
        return py::bool_(true);
    }
    throw_status(args.stream ? step_on_device(args, first, place)
                             : step_on_host(args, first, groups.elements));
    return outcome(args, first, place);
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
        [](const py::sequence& calls, bool check_only, const py::kwargs& keywords) {
            PlanCalls list;
            for (py::handle item : calls) {
                const auto call = py::cast<py::tuple>(item);
                list.plans.push_back(py::cast<Plan*>(call[0]));
                list.grads.push_back(call[1]);
                list.keywords.push_back(py::cast<py::dict>(call[2]));
            }
            Place place = list.plans.empty() ? Place("params") : list.plans[0]->place_for(keywords);
            CallOptions call;
            call.check_only = check_only;
            for (const auto& [key, value] : keywords)
                set_call_option(call_keyword(py::cast<std::string>(key)), value, place, call);
            return run_plans(list, place, call);
        },
        py::arg("calls"), py::kw_only(), py::arg("check_only") = false);

    m.def("bind_rule", [](const std::string& name) {
        const Rule& rule = rule_by_name(name);
        return py::cpp_function([&rule](const py::args& args, const py::kwargs& kwargs) {
            return run_once(rule, args, kwargs);
        });
    });
    // Of the rules that are not public too.
    m.def("bind_stage", [](const std::string& name) {
        const Rule& rule = stage_by_name(name);
        return py::cpp_function([&rule](const py::args& args, const py::kwargs& kwargs) {
            return run_once(rule, args, kwargs);
        });
    });
}

}  // namespace steepest::bindings
