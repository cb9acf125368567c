// Runs adaptive clipping on a device, or on its emulation.
#pragma once

#include "steepest/steepest.h"
#include "steps/device/backend.h"

namespace steepest {

// The tensors of a call, whatever their struct's size.
class UnitTensors {
  public:
    explicit UnitTensors(const steepest_clip_units_args& args)
        : bytes_(reinterpret_cast<const char*>(args.tensors)), size_(args.tensor_size) {}

    const steepest_unit_tensor& operator[](int64_t i) const {
        return *reinterpret_cast<const steepest_unit_tensor*>(bytes_ +
                                                              static_cast<size_t>(i) * size_);
    }
    // Elements that take part.
    int64_t size(int64_t i) const {
        const steepest_unit_tensor& t = (*this)[i];
        return t.grad.data ? t.units * t.length : 0;
    }

  private:
    const char* bytes_;
    size_t size_;
};

namespace device {

// The arguments have been checked.
size_t clip_units_size(const steepest_clip_units_args& args);
steepest_status clip_units(const steepest_clip_units_args& args, Backend& backend);

}  // namespace device
}  // namespace steepest
