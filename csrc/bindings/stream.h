// CUDA streams as callers name them.
#pragma once

#include "bindings/errors.h"
#include "bindings/framework.h"

namespace steepest::bindings {

struct Stream {
    void* handle = nullptr;  // cudaStream_t; null: none was given
    py::object owner;        // keeps the stream alive, where an object was given
};

// From an int, where 0 stands for the legacy default stream as 1 does, or from an object with
// __cuda_stream__, cuda_stream (torch) or ptr (CuPy). None gives no stream.
Stream to_stream(py::handle value);

// The stream on which the framework enqueues its work on this device at the moment; the legacy
// default stream for frameworks that are not known.
Stream current_stream(const Kind& kind, int32_t device);

}  // namespace steepest::bindings
