#include "bindings/device_flag.h"

namespace steepest::bindings {

bool DeviceFlag::applied() const {
    int32_t skipped = 0;
    workspace_->memory.read(&skipped, skipped_at_, sizeof skipped);
    return skipped == 0;
}

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
}

}  // namespace steepest::bindings
