// Lists of dense arrays in host memory, and the bytes of messages about them.
#pragma once

#include <pybind11/numpy.h>

#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/matrices.h"
#include "bindings/overlap.h"

namespace steepest::bindings {

using Bytes = py::array_t<uint8_t, py::array::c_style>;

// Raises what to_array raises, DeviceError for an array on a device, ValueError for one with gaps.
Array read_dense(py::handle object, const ArgName& name, Place& place);

// Raises ValueError unless the shapes and layouts are the same.
void check_like(const Array& a, const ArgName& name, const Array& like, const char* of);

void check_bytes(const Bytes& given, const char* name, int64_t expected);

inline steepest_array array_of(const Array& a, bool stochastic) {
    return {a.data, static_cast<int32_t>(a.dtype),
            stochastic ? STEEPEST_STOCHASTIC : STEEPEST_NEAREST};
}

inline int64_t bytes_of(const Array& a) { return a.shape.count() * size_of(a.dtype); }

// Arrays of one call: those that are written must be apart from each other and from the rest.
struct Job {
    Place place;
    std::vector<Array> keep;
    WrittenMemory written;
    std::vector<std::pair<ArgName, size_t>> read;  // positions in keep

    explicit Job(const char* like) : place(like) {}

    const Array& add_read(py::handle object, const ArgName& name);
    // Raises BufferError for an array that must not be written.
    const Array& add_written(py::handle object, const ArgName& name);
    // ValueError.
    void check_overlap(const void* data, int64_t bytes, const ArgName& name);
    void check_overlaps();
};

// Calls `entry` with workspace and without the interpreter's lock.
template <class Memory = HostWorkspace, class Args, class F>
steepest_status status_of(Args& args, steepest_status (*workspace)(const Args*, size_t*),
                          F&& entry) {
    py::gil_scoped_release release;
    if (const auto status = workspace(&args, &args.workspace_size)) return status;
    const Memory memory(args.workspace_size);
    args.workspace = memory.data();
    return args.workspace ? entry(&args) : STEEPEST_OUT_OF_MEMORY;
}

template <class Args, class F>
void run(Args& args, steepest_status (*workspace)(const Args*, size_t*), F&& entry) {
    throw_status(status_of(args, workspace, entry));
}

}  // namespace steepest::bindings
