// Where the arrays of a call lie, and on which stream it works.
#pragma once

#include "bindings/stream.h"

namespace steepest::bindings {

inline constexpr int32_t kHost = -1;
inline constexpr int32_t kUnsettled = -2;

// The first array settles the place; the others must lie there too.
class Place {
  public:
    // `like` is the argument whose first array settles the place, for errors; `options` may hold a
    // stream.
    explicit Place(const char* like, const py::dict* options = nullptr)
        : like_(like), options_(options) {}

    int32_t device() const { return device_; }  // CUDA device, kHost or kUnsettled
    bool on_device() const { return device_ >= 0; }
    bool emulated() const { return emulated_; }
    // What the C ABI gets: null on the CPU.
    void* stream() const { return emulated_ ? STEEPEST_STREAM_EMULATED : stream_; }
    int32_t device_argument() const { return device_ < 0 ? 0 : device_; }
    // Keeps the stream alive, where it has an owner.
    const py::object& stream_owner() const { return stream_owner_; }
    // Whether the stream is being captured into a CUDA graph.
    bool captures() const;
    // What exporters get, on a device.
    void* exporters_stream() const { return stream_; }
    const Kind& kind() const { return kind_; }
    const char* like() const { return like_; }

    // An array in host memory or on a CUDA device: settles the place or raises ValueError where it
    // is another one.
    void accept(int32_t device, py::handle array, const ArgName& name) {
        if (device != device_) settle(device, array, name);
    }
    // Whether the work that a framework has enqueued is in order with `stream` as it is.
    bool follows(Framework framework) const {
        return framework != Framework::other && framework == kind_.framework;
    }
    // The stream that was given, put behind the work of the arrays' framework, or else the one that
    // the framework works on now.
    void follow(const Stream& given);
    // Puts what this stream gets from now on behind what another stream has now.
    void wait_for(void* stream) const;
    // No array came.
    void settle_on_host();
    bool same_as(const Place& other) const {
        return device_ == other.device_ && emulated_ == other.emulated_;
    }

  private:
    void settle(int32_t device, py::handle array, const ArgName& name);

    const char* like_;
    const py::dict* options_;
    int32_t device_ = kUnsettled;
    bool emulated_ = false;
    void* stream_ = nullptr;
    py::object stream_owner_;
    Kind kind_;
};

// "in host memory" or "on CUDA device 0".
std::string place_text(int32_t device);

// Whether new plans run the emulation of device code, over arrays in host memory; exporters may
// call it memory of a CUDA device. Sets it and returns what was before.
bool emulate_device(bool emulate);
bool emulates_device();

// Whether arrays on CUDA devices are accepted at all.
inline bool knows_devices() { return steepest_has_cuda() || emulates_device(); }

}  // namespace steepest::bindings
