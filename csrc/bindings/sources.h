// Where arrays come from. Each source checks what it was given and names the argument in its
// errors.
#pragma once

#include <string>
#include <vector>

#include "bindings/arrays.h"

namespace steepest::bindings {

Array from_numpy(py::handle object, const ArgName& name, Place& place);
Array from_dlpack(py::handle object, const ArgName& name, Place& place, Holds holds);
Array from_buffer(py::handle object, const ArgName& name, Place& place);
Array from_cuda_array(py::handle object, const ArgName& name, Place& place, Holds holds);
Array from_cupy(py::handle object, const ArgName& name, Place& place, Holds holds);

// A torch tensor on a device through DLPack's function table. False where that does not say all.
bool from_exchange(py::handle object, const ArgName& name, Place& place, Holds holds, Array& a);

// As `matches`, through DLPack's function table, and of a cupy.ndarray.
bool exchange_matches(py::handle object, const Shape& shape, const Place& place, void*& data,
                      DType& dtype);
bool cupy_matches(py::handle object, const Shape& shape, const Place& place, void*& data,
                  DType& dtype);

// The dtype of a NumPy descriptor: false where it is none that was met before, TypeError where it
// is none of ours.
bool known_descriptor(PyObject* descriptor, DType& dtype);
DType dtype_of_descriptor(py::handle descriptor, const ArgName& name);

// Raises ValueError for a torch view that is negated or conjugated only when it is read.
void check_stored(py::handle tensor, const ArgName& name);

[[noreturn]] void wrong_dtype(const ArgName& name, const std::string& given,
                              Holds expected = Holds::floats);
[[noreturn]] void odd_strides(const ArgName& name);  // no multiple of the item size
std::vector<int64_t> c_order(const std::vector<int64_t>& extent);

}  // namespace steepest::bindings
