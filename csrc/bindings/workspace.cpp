#include "bindings/workspace.h"

namespace steepest::bindings {
namespace {

constexpr size_t kAlignment = 64;

py::object new_torch_array(const py::tuple& shape, const char* dtype, int32_t device) {
    const py::object torch = imported("torch");
    return torch.attr("empty")(shape, py::arg("dtype") = torch.attr(dtype),
                               py::arg("device") = torch.attr("device")("cuda", device));
}

// CuPy allocates on the current device.
py::object new_cupy_array(const py::tuple& shape, const char* dtype, int32_t device) {
    const py::object cupy = imported("cupy");
    const py::object guard = cupy.attr("cuda").attr("Device")(device);
    guard.attr("__enter__")();
    py::object array;
    try {
        array = cupy.attr("empty")(shape, py::arg("dtype") = dtype);
    } catch (py::error_already_set&) {
        guard.attr("__exit__")(py::none(), py::none(), py::none());
        throw;
    }
    guard.attr("__exit__")(py::none(), py::none(), py::none());
    return array;
}

}  // namespace

py::object new_array(const py::tuple& shape, const char* dtype, const Place& place) {
    if (!place.on_device() || place.emulated()) return {};
    switch (place.kind().framework) {
        case Framework::torch:
            return new_torch_array(shape, dtype, place.device());
        case Framework::cupy:
            return new_cupy_array(shape, dtype, place.device());
        default:
            return {};
    }
}

void* address_of(const py::object& array, const Place& place) {
    const bool torch = place.kind().framework == Framework::torch;
    const py::object address = torch ? array.attr("data_ptr")() : array.attr("data").attr("ptr");
    return reinterpret_cast<void*>(py::cast<uintptr_t>(address));
}

DeviceMemory::DeviceMemory(size_t size, const Place& place) : last_(place) {
    const size_t with_slack = size + kAlignment;
    owner_ = new_array(py::make_tuple(with_slack), "uint8", place);
    if (!owner_) {
        throw_status(
            steepest_device_malloc(with_slack, place.device_argument(), place.stream(), &memory_));
        return;
    }
    memory_ = address_of(owner_, place);
    allocated_on_ = current_stream(place.kind(), place.device()).handle;
    place.wait_for(allocated_on_);
}

// The memory may serve somebody else in the order of the stream that it was allocated on, so that
// stream waits for our last work. Errors, as of a driver that shuts down, are of no use here.
DeviceMemory::~DeviceMemory() {
    if (!owner_) {
        steepest_device_free(memory_, last_.device_argument(), last_.stream());
    } else if (allocated_on_ != last_.stream()) {
        steepest_device_wait(last_.device(), allocated_on_, last_.stream());
    }
}

char* DeviceMemory::data() const {
    const auto at = reinterpret_cast<uintptr_t>(memory_);
    return reinterpret_cast<char*>((at + kAlignment - 1) / kAlignment * kAlignment);
}

void DeviceMemory::read(void* to, const void* from, size_t size) const {
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = steepest_device_read(to, from, size, last_.device_argument(), last_.stream());
    }
    throw_status(status);
}

Workspace::Workspace(size_t bytes, size_t mirror_bytes, const Place& place)
    : memory(bytes, place),
      size(bytes),
      mirror(std::make_unique<char[]>(mirror_bytes)),
      mirror_size(mirror_bytes) {}

}  // namespace steepest::bindings
