// Which framework made an array, told from its type without importing anything.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>

#include "bindings/dlpack.h"

namespace steepest::bindings {

enum class Framework : int8_t { other, torch, cupy };

struct Kind {
    Framework framework = Framework::other;
    const dlpack::ExchangeApi* exchange = nullptr;  // DLPack's function table, if the type has one
};

Kind kind_of(PyTypeObject* type);

// A module that the program has imported, or a null object.
pybind11::object imported(const char* name);

}  // namespace steepest::bindings
