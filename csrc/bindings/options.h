// The keyword arguments of a call, checked one by one.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "bindings/device_values.h"
#include "bindings/rules.h"

namespace steepest::bindings {

// A number for all tensors or one per tensor.
template <class T>
struct PerTensor {
    T all{};
    std::vector<T> each;

    T at(size_t i) const { return each.empty() ? all : each[i]; }
};

// Options that a call may change. Those of a Plan are its defaults.
struct Options {
    PerTensor<Count> step;
    PerTensor<Rate> lr;
    PerTensor<double> weight_decay;
    std::vector<double> hyper;
    int decay = STEEPEST_DECAY_L2;
    bool cautious = false;  // where the decay is decoupled
    bool maximize = false;
    Kept kept;
};

// Options of a whole call, over all its groups.
struct CallOptions {
    Rate grad_scale{1};
    double max_grad_norm = -1;                       // none
    double max_tensor_norm = 0, max_grad_value = 0;  // none
    bool skip_nonfinite = false;
    bool check_only = false;  // and take the memory that the call will need
    Stream stream;            // as given
    Kept kept;
};

Options default_options(const Rule& rule);

// What options are for: their values may lie where the arrays do.
struct Target {
    int64_t count;  // tensors
    Place& place;
};

// Sets one option; false when the keyword is not one a call may change.
bool set_option(const Rule& rule, const KeywordSlot& slot, py::handle value, const Target& target,
                Options& options, CallOptions& call);

// Raises ValueError for options that exclude each other.
void check_options(const Options& options);

void set_call_option(Keyword keyword, py::handle value, Place& place, CallOptions& call);

int64_t to_integer(py::handle value, const char* name, int64_t low);
uint64_t to_seed(py::handle value);
bool to_bool(py::handle value, const char* name);
double to_number(py::handle value, const ArgName& name);
double to_bound(py::handle value, const char* name);  // above 0, perhaps infinite

}  // namespace steepest::bindings
