#include "bindings/joint_call.h"

namespace steepest::bindings {
namespace {

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

}  // namespace

Running::Running(const std::vector<Plan*>& plans) {
    for (Plan* plan : plans) {
        if (!plan->enter()) {
            leave();
            raise(PyExc_RuntimeError,
                  "Plan: already running or given twice, expected one call at a time");
        }
        entered_.push_back(plan);
    }
}

void Running::leave() {
    for (Plan* plan : entered_) plan->leave();
    entered_.clear();
}

JointCall::JointCall(const PlanCalls& calls, const Place& at, const CallOptions& options)
    : first(*calls.plans[0]), place(at), running_(calls.plans), call_(options) {
    if (calls.plans.size() > 1 || place.stream()) move_together(calls, place);
    bind(calls);
    check_stream(place, call_);
    set_arguments();
}

void JointCall::bind(const PlanCalls& calls) {
    const std::vector<Plan*>& plans = calls.plans;
    for (size_t i = 0; i < plans.size(); ++i) {
        const Plan::Bound bound = plans[i]->bind(calls.grads[i], calls.keywords[i], place, call_);
        groups_.insert(groups_.end(), bound.group, bound.group + bound.groups);
        elements_ += plans[i]->elements();
        if (plans[i]->seed() != plans[0]->seed())
            value_error(
                "seed: plans with different seeds given, expected one seed for a common call");
    }
    for (Plan* plan : plans)
        for (Plan* other : plans)
            if (plan != other) plan->check_apart_from(*other);
}

void JointCall::set_arguments() {
    args.struct_size = sizeof args;
    args.group_size = sizeof(steepest_group);
    args.tensor_size = sizeof(steepest_tensor);
    args.group_count = static_cast<int64_t>(groups_.size());
    args.groups = groups_.data();
    args.grad_scale = call_.grad_scale.value;
    args.grad_scale_at = call_.grad_scale.at;
    args.max_grad_norm = call_.max_grad_norm;
    args.max_tensor_norm = call_.max_tensor_norm;
    args.max_grad_value = call_.max_grad_value;
    args.skip_nonfinite = call_.skip_nonfinite;
    args.seed = first.seed();
    args.stream = place.stream();
    args.device = place.device_argument();
}

}  // namespace steepest::bindings
