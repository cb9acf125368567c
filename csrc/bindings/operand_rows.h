// Arrays as operands of matrix products: the array's own memory where its rows are contiguous and
// its matrices evenly apart, else a copy in C order.
#pragma once

#include <memory>
#include <optional>

#include "bindings/matrices.h"
#include "bindings/workspace.h"

namespace steepest::bindings {

class Rows {
  public:
    // Copies nothing yet, but takes the memory. `place` is that of the call, and outlives this.
    Rows(const Array& a, const Place& place);

    // Between the array and its copy, if there is one. On a device they work on the place's stream
    // and need the interpreter lock.
    void read() const;
    void write() const;
    steepest_operand operand() const;

  private:
    const Place& place_;
    Array own_, used_;
    std::unique_ptr<char[]> copy_;       // in host memory
    std::optional<DeviceMemory> there_;  // on a device
};

}  // namespace steepest::bindings
