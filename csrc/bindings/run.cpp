// Runs plans through the C ABI, and shows them to Python.
#include <cstdlib>
#include <new>

#include "bindings/device_flag.h"
#include "bindings/joint_call.h"

namespace steepest::bindings {
namespace {

constexpr size_t kAlignment = 64;

// Below this many elements releasing the interpreter lock costs more than the step.
constexpr int64_t kWorthReleasing = 4096;

void* aligned(std::unique_ptr<char[]>& memory) {
    const auto at = reinterpret_cast<uintptr_t>(memory.get());
    return reinterpret_cast<void*>((at + kAlignment - 1) / kAlignment * kAlignment);
}

// What runs in a workspace, and how large that must be.
struct Entry {
    steepest_status (*run)(steepest_step_args& args, double* sums);
    steepest_status (*size)(const steepest_step_args* args, size_t* size);
};
constexpr Entry kStep{[](steepest_step_args& args, double*) { return steepest_step(&args); },
                      steepest_step_workspace};
constexpr Entry kListSums{
    [](steepest_step_args& args, double* sums) { return steepest_list_sums(&args, sums); },
    steepest_list_sums_workspace};

// Grows the workspace of the first plan to what the call needs, which is remembered for the next
// one.
steepest_status grow(const Entry& entry, const steepest_step_args& args, Plan& owner) {
    size_t size = 0;
    if (const auto s = entry.size(&args, &size)) return s;
    if (owner.workspace && size <= owner.workspace_size) return STEEPEST_OK;
    try {
        owner.workspace = std::make_unique_for_overwrite<char[]>(size + kAlignment);
    } catch (const std::bad_alloc&) {
        return STEEPEST_OUT_OF_MEMORY;
    }
    owner.workspace_size = size;
    return STEEPEST_OK;
}

steepest_status run_in_workspace(const Entry& entry, steepest_step_args& args, Plan& owner,
                                 double* sums) {
    const auto attempt = [&] {
        args.workspace = owner.workspace ? aligned(owner.workspace) : nullptr;
        args.workspace_size = owner.workspace_size;
        return entry.run(args, sums);
    };
    const steepest_status status = attempt();
    if (status != STEEPEST_WORKSPACE_TOO_SMALL) return status;
    if (const auto s = grow(entry, args, owner)) return s;
    return attempt();
}

steepest_status run_on_host(const Entry& entry, JointCall& joint, double* sums = nullptr) {
    if (joint.elements() < kWorthReleasing)
        return run_in_workspace(entry, joint.args, joint.first, sums);
    py::gil_scoped_release release;
    return run_in_workspace(entry, joint.args, joint.first, sums);
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

// As `grow`, with memory from the allocator of the arrays' framework. Graphs go on using the memory
// that they were captured with.
steepest_status grow_on_device(const steepest_step_args& args, Plan& owner, const Place& place) {
    std::shared_ptr<Workspace>& workspace = owner.device_workspace;
    size_t size = 0, mirror_size = 0;
    if (const auto s = steepest_step_workspace(&args, &size)) return s;
    if (const auto s = steepest_step_mirror(&args, &mirror_size)) return s;
    if (workspace && size <= workspace->size && mirror_size <= workspace->mirror_size)
        return STEEPEST_OK;
    auto larger = std::make_shared<Workspace>(size, mirror_size, place);
    if (workspace && workspace->is_captured) owner.captured_workspaces.push_back(workspace);
    workspace = std::move(larger);
    return STEEPEST_OK;
}

steepest_status step_on_device(steepest_step_args& args, Plan& owner, const Place& place) {
    const auto attempt = [&] {
        Workspace& workspace = *owner.device_workspace;
        workspace.is_captured = workspace.is_captured || place.captures();
        workspace.memory.used_on(place);
        return launch(args, workspace);
    };
    if (owner.device_workspace) {
        const steepest_status status = attempt();
        if (status != STEEPEST_WORKSPACE_TOO_SMALL) return status;
    }
    if (const auto s = grow_on_device(args, owner, place)) return s;
    return attempt();
}

py::object outcome(const steepest_step_args& args, const Plan& owner, const Place& place) {
    if (!args.stream) return py::bool_(args.skipped == 0);
    if (!args.skip_nonfinite || !args.skipped_at) return py::bool_(true);
    if (!place.on_device()) return py::bool_(*args.skipped_at == 0);  // emulated on the host
    return py::cast(DeviceFlag(owner.device_workspace, args.skipped_at));
}

// The sums over the list, read to the host. The memory is taken anew at every call: the workspace
// of the plan holds what its steps transfer only once.
void list_sums_on_device(steepest_step_args& args, const Place& place, std::vector<double>& sums) {
    throw_status(steepest_list_sums_workspace(&args, &args.workspace_size));
    const DeviceMemory workspace(args.workspace_size, place);
    const size_t bytes = sums.size() * sizeof(double);
    const DeviceMemory results(bytes, place);
    auto* at = reinterpret_cast<double*>(results.data());
    args.workspace = workspace.data();
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = steepest_list_sums(&args, at);
    }
    throw_status(status);
    results.read(sums.data(), at, bytes);
}

py::tuple list_sums(const PlanCalls& calls, const Place& place, const CallOptions& call) {
    if (calls.plans.empty()) value_error("calls: none given, expected one at least");
    JointCall joint(calls, place, call);
    for (const Plan* plan : calls.plans) plan->check_list_sums(*calls.plans[0]);
    std::vector<double> sums(static_cast<size_t>(joint.first.list_terms()));
    if (joint.args.stream)
        list_sums_on_device(joint.args, joint.place, sums);
    else
        throw_status(run_on_host(kListSums, joint, sums.data()));
    py::tuple result(sums.size());
    for (size_t k = 0; k < sums.size(); ++k) result[k] = sums[k];
    return result;
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
    if (name == "max_tensor_norm") return Keyword::max_tensor_norm;
    if (name == "max_grad_value") return Keyword::max_grad_value;
    if (name == "skip_nonfinite") return Keyword::skip_nonfinite;
    if (name == "stream") return Keyword::stream;
    type_error("run() got an unexpected keyword argument '" + name + "'");
}

// (plan, gradients, options) of several plans, and the keywords of their common call.
struct CallList {
    CallList(const py::sequence& calls, const py::dict& keywords) : place("params") {
        for (py::handle item : calls) {
            const auto one = py::cast<py::tuple>(item);
            plans.plans.push_back(py::cast<Plan*>(one[0]));
            plans.grads.push_back(one[1]);
            plans.keywords.push_back(py::cast<py::dict>(one[2]));
        }
        if (!plans.plans.empty()) place = plans.plans[0]->place_for(keywords);
        for (const auto& [key, value] : keywords)
            set_call_option(call_keyword(py::cast<std::string>(key)), value, place, call);
    }

    PlanCalls plans;
    Place place;
    CallOptions call;
};

[[noreturn]] void refuse(const char* what) {
    type_error(std::string("Plan: ") + what + " is not possible");
}

}  // namespace

py::object run_plans(const PlanCalls& calls, const Place& place, const CallOptions& call) {
    if (calls.plans.empty()) return py::bool_(true);
    JointCall joint(calls, place, call);
    if (call.check_only) {
        throw_status(joint.args.stream ? grow_on_device(joint.args, joint.first, joint.place)
                                       : grow(kStep, joint.args, joint.first));
        return py::bool_(true);
    }
    throw_status(joint.args.stream ? step_on_device(joint.args, joint.first, joint.place)
                                   : run_on_host(kStep, joint));
    return outcome(joint.args, joint.first, joint.place);
}

namespace {

constexpr const char* kPlanDoc = R"(A step whose arrays are checked once and kept.

    plan = steepest.steps.Plan("adamw", params, exp_avg=m, exp_avg_sq=v, lr=1e-3)
    plan(grads, step=t)

rule : str, the name of a function of `steepest.steps`.
params : array or list of arrays of that function, which are updated at every call.
arguments : the rule's states by name, working_copy, rounding, seed, tensor_ids, and defaults for
    the keywords of the calls; shapes and dtypes are those of the function.

A call plan(grads, **keywords) makes a step and returns what the function does. The plan holds
references to its arrays; it refuses pickling, copying and calls from two threads at once.

Raises what the function raises: for the arrays here, for gradients and keywords at the calls.)";

constexpr const char* kListSumsDoc =
    R"(The sums over all tensors that keywords of the rule's next step depend on, as its source
says, of gradients as the step with these options would see them: scaled, clipped, decayed.
Nothing is written. The same bits for any number of threads, on any target or device; on a
device the call waits for it. All zero for a step that skip_nonfinite would hold back.

Raises TypeError for a rule without such sums, ValueError where a state is missing, and what
a call raises.)";

}  // namespace

void bind_plan(py::module_& m) {
    py::class_<Plan>(m, "Plan", kPlanDoc)
        .def(py::init([](const std::string& rule, py::handle params, const py::kwargs& arguments) {
                 return std::make_unique<Plan>(rule_by_name(rule), params, arguments);
             }),
             py::arg("rule"), py::arg("params"))
        .def("__call__", &run_one, py::arg("grads"))
        .def(
            "list_sums",
            [](Plan& plan, const py::object& grads, const py::kwargs& keywords) {
                return list_sums({{&plan}, {grads}, {keywords}}, plan.place_for(keywords),
                                 plan.call_defaults());
            },
            py::arg("grads"), kListSumsDoc)
        .def_property_readonly("rule", &Plan::rule_name, "Name of the rule.")
        .def_property_readonly("last_none_count", &Plan::last_none_count,
                               "How many gradients of the latest call were None.")
        .def("__reduce__", [](const Plan&) { refuse("pickling"); })
        .def("__copy__", [](const Plan&) { refuse("copying"); })
        .def("__deepcopy__", [](const Plan&, py::handle) { refuse("copying"); });

    m.def(
        "run",
        [](const py::sequence& calls, bool check_only, const py::kwargs& keywords) {
            CallList list(calls, keywords);
            list.call.check_only = check_only;
            return run_plans(list.plans, list.place, list.call);
        },
        py::arg("calls"), py::kw_only(), py::arg("check_only") = false);

    m.def(
        "list_sums",
        [](const py::sequence& calls, const py::kwargs& keywords) {
            const CallList list(calls, keywords);
            return list_sums(list.plans, list.place, list.call);
        },
        py::arg("calls"));

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
