// Matrices and stacks of them: reading with checks, memory in common, copies in host memory.
#pragma once

#include "bindings/arrays.h"

namespace steepest::bindings {

// First and last byte of a strided array, which may run backwards.
struct Span {
    uintptr_t begin, end;

    explicit Span(const Array& a);
    bool meets(const Span& other) const { return begin < other.end && other.begin < end; }
};

// Whether some byte may belong to both.
bool share_memory(const Array& a, const Array& b);

// Whether no output shares memory with another array, but perhaps with its own input. For long
// lists: sorts instead of looking at all pairs. False may also mean that inputs overlap, which is
// allowed.
bool all_apart(const std::vector<Array>& inputs, const std::vector<Array>& outputs);

inline bool same_array(const Array& a, const Array& b) {
    return a.data == b.data && same_layout(a.shape, b.shape);
}

// An array of two or more dimensions in host memory, aligned to its item size. Raises what to_array
// raises, DeviceError for an array on a device, ValueError for fewer dimensions.
Array read_matrices(py::handle object, const ArgName& name);

// The same in the place, which may be a device. Raises what to_array raises besides.
Array read_matrices(py::handle object, const ArgName& name, Place& place);

// One that may be written and has this shape, and this dtype unless null. Raises BufferError,
// TypeError, ValueError.
Array read_result(py::handle object, const ArgName& name, const std::vector<int64_t>& extent,
                  const DType* dtype);
Array read_result(py::handle object, const ArgName& name, const std::vector<int64_t>& extent,
                  const DType* dtype, Place& place);

std::string shape_text(const std::vector<int64_t>& extent);

// Copies the elements of an array to one of the same shape and item size.
void copy_elements(const Array& from, const Array& to);

// An aligned workspace for one call on the CPU. Null where there is not enough memory.
class HostWorkspace {
  public:
    explicit HostWorkspace(size_t size);
    ~HostWorkspace();
    HostWorkspace(const HostWorkspace&) = delete;
    HostWorkspace& operator=(const HostWorkspace&) = delete;

    void* data() const { return data_; }

  private:
    std::unique_ptr<char[]> memory_;
    size_t size_ = 0;  // of memory_
    void* data_ = nullptr;
};

}  // namespace steepest::bindings
