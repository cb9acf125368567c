// Steps, learning rates and gradient scales that lie on the device, where a replayed graph finds
// them anew.
#pragma once

#include <memory>
#include <vector>

#include "bindings/arrays.h"

namespace steepest::bindings {

struct Count {
    int64_t value = 0;      // 0: not given
    int64_t* at = nullptr;  // counter of the steps applied so far; null: `value` counts

    bool given() const { return value >= 1 || at; }
};

struct Rate {
    double value = 0;
    steepest_array at{};  // null data: `value` counts
};

using Kept = std::vector<std::shared_ptr<void>>;  // keeps their memory alive

// Whether this is an array where device code can read it, and not a number. Numbers are told by
// their type alone; under emulation NumPy arrays stay numbers.
bool is_device_value(py::handle value, const Place& place);

// One element of int64, which may be written.
Count device_count(py::handle value, const ArgName& name, Place& place, Kept& kept);
// One element of float32 or float64.
Rate device_rate(py::handle value, const ArgName& name, Place& place, Kept& kept);

}  // namespace steepest::bindings
