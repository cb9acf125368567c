// A step whose arrays are checked once and kept: later calls bring gradients and options only.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/options.h"
#include "bindings/overlap.h"
#include "bindings/rules.h"
#include "bindings/workspace.h"

namespace steepest::bindings {

class Plan {
  public:
    // `arguments` may hold states, working_copy, rounding, seed, tensor_ids and every option of a
    // call.
    Plan(const Rule& rule, py::handle params, const py::dict& arguments);
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;

    // What one call adds to the plan, ready for the C ABI once `bind` has checked everything.
    struct Bound {
        steepest_group group[2];
        int groups = 0;
    };

    // Where the plan's arrays are, on the stream of its construction.
    const Place& place() const { return place_; }
    // The same for a call now, on the stream that the keywords or else the plan's options give.
    Place place_for(const py::dict& keywords) const;
    // Puts a call in that place behind the plan's last one, if that was on another stream.
    void move_to(const Place& place);
    // Checks gradients and options of one call; raises before anything is written.
    Bound bind(py::handle grads, const py::dict& keywords, Place& place, CallOptions& call);
    // Raises ValueError when this plan, once bound, reads or writes memory that `other` writes.
    void check_apart_from(const Plan& other);
    // Raises TypeError or ValueError unless this plan, once bound, has sums over the list that go
    // with those of `other`.
    void check_list_sums(const Plan& other) const;
    int list_terms() const { return rule_.info.list_terms; }
    const CallOptions& call_defaults() const { return call_; }
    uint64_t seed() const { return seed_; }
    int64_t last_none_count() const { return none_count_; }
    int64_t elements() const { return elements_; }
    const std::string& rule_name() const { return rule_name_; }

    // Marks the plan as running; false when it already is.
    bool enter() { return !busy_.test_and_set(std::memory_order_acquire); }
    void leave();

    std::unique_ptr<char[]> workspace;
    size_t workspace_size = 0;
    std::shared_ptr<Workspace> device_workspace;
    std::vector<std::shared_ptr<Workspace>> captured_workspaces;

  private:
    // Plans that this one has run with: what they write is known to be apart from what this one
    // writes.
    struct Partner {
        uint64_t serial;
        std::vector<size_t> overlap_hint;
    };

    void read_params(py::handle params);
    void set_matrix(size_t i, const Array& a, const ArgName& name);
    void read_arguments(const py::dict& arguments);
    void read_states(int state, py::handle given);
    void read_working_copy(py::handle given);
    void read_rounding(py::handle given);
    void set_rounding(const std::string& stream, py::handle mode);
    void read_tensor_ids(py::handle given);
    void check_states_complete() const;
    void check_needed_states(const Options& options) const;
    void check_steps(const Options& options) const;

    void add_state(size_t i, int state, const Array& a, const ArgName& name);
    void check_output(const Array& a, const ArgName& name) const;
    void check_stream(size_t i, const Array& a, const ArgName& name, bool f16_allowed) const;
    void check_layout(size_t i, const Array& a, const ArgName& name, int kind) const;

    void set_gradient(size_t i, py::handle grad, Place& place);
    void set_gradients(py::handle grads, Place& place);
    void set_numbers();
    void check_device_values();
    int64_t size() const { return static_cast<int64_t>(tensors_.size()); }
    bool has_axes() const;
    bool goes_to_vector_rule(size_t i) const;
    Partner& partner(const Plan& other);
    ArgName name_of(const char* stream, size_t i) const {
        return {stream, is_list_ ? static_cast<int64_t>(i) : -1};
    }
    steepest_group group(int rule_id, const std::vector<steepest_tensor>& tensors) const;

    const uint64_t serial_;
    const Rule& rule_;
    std::string rule_name_;
    Place place_;
    void* last_stream_ = nullptr;  // on a device, of calls that no capture records
    py::object last_stream_owner_;
    bool is_list_ = false;
    std::vector<Shape> shapes_;
    std::vector<steepest_tensor> tensors_;   // in the caller's order
    std::vector<steepest_tensor> split_[2];  // by rule, when there is a vector rule
    std::vector<std::shared_ptr<void>> keep_;
    std::vector<bool> state_missing_;  // by state: some tensor goes without it
    WrittenMemory written_;
    std::vector<size_t> overlap_hint_;  // by tensor, see WrittenMemory::find
    std::vector<Partner> partners_;
    Options options_;
    Options bound_;
    CallOptions call_;
    uint64_t seed_ = 0;
    int64_t elements_ = 0;
    int64_t none_count_ = 0;
    bool random_ = false;
    std::vector<py::object> held_;                    // gradients of the running call
    std::vector<std::shared_ptr<void>> held_memory_;  // likewise, of those that are no NumPy arrays
    std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

// What plans run with in one step.
struct PlanCalls {
    std::vector<Plan*> plans;
    std::vector<py::object> grads;
    std::vector<py::dict> keywords;
};

// Runs plans as the groups of one step. Returns whether it was applied: a bool or, where only the
// device knows, a DeviceFlag.
py::object run_plans(const PlanCalls& calls, const Place& place, const CallOptions& call);

void bind_plan(py::module_& m);

}  // namespace steepest::bindings
