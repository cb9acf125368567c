// Where arrays come from. Each source checks what it was given and names the argument in its
// errors.
#pragma once

#include <string>
#include <vector>

#include "bindings/arrays.h"

namespace steepest::bindings {

Array from_numpy(py::handle object, const ArgName& name);
Array from_dlpack(py::handle object, const ArgName& name);
Array from_buffer(py::handle object, const ArgName& name);

// As `matches`, through DLPack's function table.
bool exchange_matches(py::handle object, const Shape& shape, void*& data, DType& dtype);

[[noreturn]] void wrong_dtype(const ArgName& name, const std::string& given);
[[noreturn]] void odd_strides(const ArgName& name);  // no multiple of the item size
std::vector<int64_t> c_order(const std::vector<int64_t>& extent);

}  // namespace steepest::bindings
