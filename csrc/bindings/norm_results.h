// Memory for one call, and for the norms that it finds.
#pragma once

#include <pybind11/numpy.h>

#include <optional>

#include "bindings/matrices.h"
#include "bindings/workspace.h"

namespace steepest::bindings {

// Memory of one call on the place's stream, or in host memory; aligned to 64 bytes.
class Scratch {
  public:
    Scratch(size_t size, const Place& place);

    void* data() const { return host_ ? host_->data() : device_->data(); }
    const DeviceMemory& device() const { return *device_; }

  private:
    std::optional<HostWorkspace> host_;
    std::optional<DeviceMemory> device_;
};

// Where the norms of a list of arrays go: the norm of all, one for each, whether all is finite. Of
// torch and CuPy arrays on a device they stay there, as arrays of that kind; else they come to the
// host.
class NormResults {
  public:
    NormResults(int64_t count, const Place& place);

    double* norms() const { return norms_at_; }
    double* total() const { return total_at_; }
    int32_t* finite() const { return finite_at_; }

    // (total, norms, finite), once the call has been made. Waits for it where numbers of a device
    // come to the host.
    py::tuple get() const;

  private:
    int64_t count_;
    py::object arrays_[3];            // total, norms, finite of a framework
    std::optional<Scratch> numbers_;  // total, norms, finite otherwise
    bool on_host_;
    double *total_at_, *norms_at_;
    int32_t* finite_at_;
};

}  // namespace steepest::bindings
