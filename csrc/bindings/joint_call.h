// Plans that run together, checked and ready for the C ABI.
#pragma once

#include <vector>

#include "bindings/plan.h"

namespace steepest::bindings {

// Enters plans and leaves those it has entered.
class Running {
  public:
    // Raises RuntimeError for a plan that is entered already.
    explicit Running(const std::vector<Plan*>& plans);
    ~Running() { leave(); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

  private:
    void leave();
    std::vector<Plan*> entered_;
};

// The arguments of one call over plans, one at least, and what keeps them alive.
class JointCall {
  public:
    // Raises what is wrong with the call; nothing has been written then.
    JointCall(const PlanCalls& calls, const Place& at, const CallOptions& options);

    Plan& first;
    Place place;
    steepest_step_args args{};

    int64_t elements() const { return elements_; }

  private:
    void bind(const PlanCalls& calls);
    void set_arguments();

    const Running running_;
    CallOptions call_;
    std::vector<steepest_group> groups_;
    int64_t elements_ = 0;
};

}  // namespace steepest::bindings
