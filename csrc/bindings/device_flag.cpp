#include "bindings/device_flag.h"

#include <pybind11/stl.h>

#include <vector>

namespace steepest::bindings {

bool DeviceFlag::applied() const {
    int32_t skipped = 0;
    workspace_->memory.read(&skipped, skipped_at_, sizeof skipped);
    return skipped == 0;
}

namespace {

std::vector<const char*> emulated_launches() {
    std::vector<const char*> names(static_cast<size_t>(steepest_emulated_launches(nullptr, 0)));
    steepest_emulated_launches(names.data(), static_cast<int64_t>(names.size()));
    return names;
}

}  // namespace

void bind_device(py::module_& m) {
    py::class_<DeviceFlag>(
        m, "DeviceFlag",
        "What a call with skip_nonfinite returns on a device: true when the step was applied. "
        "Asking waits for the device; the answer is that of the latest call of the plan.")
        .def("__bool__", &DeviceFlag::applied)
        .def("__repr__", [](const DeviceFlag&) { return "<steepest.steps.DeviceFlag>"; });
    m.def("device_count", &steepest_device_count);
    m.def("device_products", &steepest_device_products);
    m.def("last_device_error", &steepest_last_device_error);
    m.def("emulate_device", &emulate_device, py::arg("emulate"));
    m.def("emulated_launches", &emulated_launches,
          "Names of the kernels of steps that the emulation has run for this thread since it last "
          "asked, in order; [] the first time.");
}

}  // namespace steepest::bindings
