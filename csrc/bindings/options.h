// The keyword arguments of a call, checked one by one.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

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
    PerTensor<int64_t> step;  // 0: not given
    PerTensor<double> lr, weight_decay;
    std::vector<double> hyper;
    int decay = STEEPEST_DECAY_L2;
    bool maximize = false;
};

// Options of a whole call, over all its groups.
struct CallOptions {
    double grad_scale = 1;
    double max_grad_norm = -1;  // none
    bool skip_nonfinite = false;
};

Options default_options(const Rule& rule);

// Sets one option; false when the keyword is not one a call may change. `count` is the number of
// tensors.
bool set_option(const Rule& rule, const KeywordSlot& slot, py::handle value, int64_t count,
                Options& options, CallOptions& call);

void set_call_option(Keyword keyword, py::handle value, CallOptions& call);

int64_t to_integer(py::handle value, const char* name, int64_t low);
uint64_t to_seed(py::handle value);
bool to_bool(py::handle value, const char* name);
double to_number(py::handle value, const ArgName& name);

}  // namespace steepest::bindings
