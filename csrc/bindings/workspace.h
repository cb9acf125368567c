// Device memory in which a step works, with the host's record of what it holds.
#pragma once

#include <memory>

#include "bindings/place.h"

namespace steepest::bindings {

// Memory from the allocator of the arrays' framework, or else from the library's. All methods need
// the interpreter lock.
class DeviceMemory {
  public:
    // Aligned to 64 bytes, for work on the place's stream. Raises what the allocator raises.
    DeviceMemory(size_t size, const Place& place);
    ~DeviceMemory();
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;

    char* data() const;
    // From now on work on the place's stream uses it. That stream has been put behind the last one.
    void used_on(const Place& place) { last_ = place; }
    const Place& place() const { return last_; }
    // Copies to the host once the stream has come so far. Releases the interpreter lock meanwhile.
    void read(void* to, const void* from, size_t size) const;

  private:
    py::object owner_;  // the framework's array; none: the library's memory
    void* memory_ = nullptr;
    void* allocated_on_ = nullptr;  // the stream in whose order the framework takes it back
    Place last_;
};

struct Workspace {
    Workspace(size_t size, size_t mirror_size, const Place& place);

    DeviceMemory memory;
    size_t size;
    std::unique_ptr<char[]> mirror;
    size_t mirror_size;
    bool is_captured = false;  // some call with it was recorded in a graph
};

// An array of the place's framework, not filled: `shape` is a tuple, `dtype` the framework's name
// of it. Null where the framework is not known.
py::object new_array(const py::tuple& shape, const char* dtype, const Place& place);
void* address_of(const py::object& array, const Place& place);

}  // namespace steepest::bindings
