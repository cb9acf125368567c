// Any array a caller may hand in, as a pointer with shape and strides. Nothing is copied or
// converted.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <vector>

#include "bindings/place.h"
#include "core/dtype.h"

namespace steepest::bindings {

struct Shape {
    std::vector<int64_t> extent;
    std::vector<int64_t> stride;  // in elements

    int64_t count() const;
    std::string text() const;
};

struct Array {
    void* data = nullptr;
    DType dtype = DType::f32;
    Shape shape;
    int32_t device = kHost;         // CUDA device, or kHost
    const char* refusal = nullptr;  // why it must not be written, or null
    std::shared_ptr<void> keep;     // keeps the memory alive
};

const char* dtype_name(DType t);

// What an array holds: floating-point numbers of a DType, or int64, whose dtype then says nothing.
enum class Holds { floats, int64 };

// NumPy arrays, objects with __dlpack__ or __cuda_array_interface__ and buffers of floats. Raises
// TypeError for anything else, ValueError for arrays in another place, DeviceError for arrays on a
// device that this build has no kernels for.
Array to_array(py::handle object, const ArgName& name, Place& place, Holds holds = Holds::floats);

// The fast way for an array whose layout is known: true, with the pointer and dtype, when `object`
// has this shape and these strides, lies in the place and is a numpy.ndarray of a known dtype, of a
// type that offers DLPack's function table, or a cupy.ndarray. Then the object itself keeps the
// memory alive.
bool matches(py::handle object, const Shape& shape, const Place& place, void*& data, DType& dtype);

// A list of arrays, where one array could be given too.
inline bool is_list(py::handle h) { return PyList_Check(h.ptr()) || PyTuple_Check(h.ptr()); }

// No gaps and no overlaps: the strides, sorted, are those of a contiguous array.
bool is_dense(const Shape& s);
bool is_c_order(const Shape& s);
bool is_f_order(const Shape& s);

// Equal strides wherever they matter, that is in dimensions of more than one element.
bool same_layout(const Shape& a, const Shape& b);

}  // namespace steepest::bindings
