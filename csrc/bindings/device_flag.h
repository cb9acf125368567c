// Whether a step on a device was applied, known once the device has come so far.
#pragma once

#include "bindings/workspace.h"

namespace steepest::bindings {

class DeviceFlag {
  public:
    DeviceFlag(std::shared_ptr<const Workspace> workspace, const int32_t* skipped_at)
        : workspace_(std::move(workspace)), skipped_at_(skipped_at) {}

    // Waits for the latest call of the plan.
    bool applied() const;

  private:
    std::shared_ptr<const Workspace> workspace_;
    const int32_t* skipped_at_;
};

void bind_device(py::module_& m);

}  // namespace steepest::bindings
