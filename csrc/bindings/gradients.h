// Lists of dense arrays that are read, or written in place, as they are.
#pragma once

#include <vector>

#include "bindings/arrays.h"

namespace steepest::bindings {

struct Gradients {
    std::vector<Array> arrays;  // without data where None was given

    // One array or a list. Raises TypeError, ValueError or DeviceError for what is no dense array
    // of floats.
    Gradients(py::handle given, const char* name, Place& place);

    // Raises BufferError for an array that is read-only, ValueError where two overlap.
    void check_written(const char* name) const;

    // Raises ValueError where one of these, which are written, shares memory with one of `others`.
    void check_apart_from(const Gradients& others, const char* name, const char* other) const;

    // Whether there is an array, not None, at that place.
    bool given(size_t i) const { return is_given_[i]; }
    int64_t count() const { return static_cast<int64_t>(arrays.size()); }

  private:
    void add(py::handle given, const ArgName& name, Place& place);
    ArgName label(const char* name, size_t i) const {
        return {name, is_list_ ? static_cast<int64_t>(i) : -1};
    }
    bool is_list_;
    std::vector<bool> is_given_;
};

// Raises ValueError for a stream that was given for arrays in host memory.
void check_stream_given(py::handle stream, const char* name, const Place& place);

}  // namespace steepest::bindings
