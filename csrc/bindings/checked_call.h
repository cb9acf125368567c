// Native calls that are checked first and run later, in memory that several of them may share and
// that is there before the first one writes.
#pragma once

#include <memory>

#include "bindings/norm_results.h"

namespace steepest::bindings {

class CheckedCall {
  public:
    virtual ~CheckedCall() = default;
    CheckedCall(const CheckedCall&) = delete;
    CheckedCall& operator=(const CheckedCall&) = delete;

    // In the memory that was reserved, which is given up, or else in memory of this run. Raises
    // MemoryError, DeviceError.
    void run();

    // Memory for all of these calls, one after the other. Raises MemoryError, DeviceError.
    static void reserve(const py::sequence& calls);

  protected:
    explicit CheckedCall(Place place) : place_(std::move(place)) {}

    // Without the interpreter lock.
    virtual steepest_status start(void* workspace) = 0;

    Place place_;
    size_t size_ = 0;  // of the workspace

  private:
    // A device call wants an address even where nothing lies behind it.
    bool needs_memory() const { return size_ > 0 || place_.stream(); }
    bool goes_with(const CheckedCall& other) const {
        return place_.same_as(other.place_) && place_.stream() == other.place_.stream();
    }

    std::shared_ptr<Scratch> memory_;
};

void bind_checked_call(py::module_& m);

}  // namespace steepest::bindings
