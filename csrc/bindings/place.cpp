#include "bindings/place.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace steepest::bindings {
namespace {

bool emulation_wanted() {
    const char* wanted = std::getenv("STEEPEST_EMULATE_DEVICE");
    return wanted && std::strcmp(wanted, "1") == 0;
}

std::atomic<bool> emulating{emulation_wanted()};

}  // namespace

bool emulate_device(bool emulate) { return emulating.exchange(emulate); }

bool emulates_device() { return emulating.load(std::memory_order_relaxed); }

std::string place_text(int32_t device) {
    return device < 0 ? "in host memory" : "on CUDA device " + std::to_string(device);
}

void Place::settle_on_host() {
    if (device_ != kUnsettled) return;
    device_ = kHost;
    options_ = nullptr;
    emulated_ = emulates_device();
}

void Place::settle(int32_t device, py::handle array, const ArgName& name) {
    if (device_ != kUnsettled) {
        const bool same_list = name.index > 0 && std::strcmp(name.name, like_) == 0;
        value_error(name.text() + ": array " + place_text(device) + " given, expected one " +
                    place_text(device_) + " as " + like_ + (same_list ? "[0]" : ""));
    }
    if (device == kHost) return settle_on_host();
    device_ = device;
    emulated_ = emulates_device();
    kind_ = kind_of(Py_TYPE(array.ptr()));
    Stream given;
    if (options_ && options_->contains("stream")) given = to_stream((*options_)["stream"]);
    options_ = nullptr;  // may not live as long as this
    follow(given);
}

void Place::follow(const Stream& given) {
    if (given.handle && kind_.framework == Framework::other) {  // its exporter will be told
        stream_ = given.handle;
        stream_owner_ = given.owner;
        return;
    }
    Stream current = current_stream(kind_, device_);
    const Stream& taken = given.handle ? given : current;
    stream_ = taken.handle;
    stream_owner_ = taken.owner;
    wait_for(current.handle);
}

bool Place::captures() const {
    return on_device() && !emulated_ && steepest_device_captures(device_, stream_) != 0;
}

void Place::wait_for(void* stream) const {
    if (stream == stream_ || emulated_) return;
    throw_status(steepest_device_wait(device_, stream_, stream));
}

}  // namespace steepest::bindings
