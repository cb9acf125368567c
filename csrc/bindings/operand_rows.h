// Arrays as operands of matrix products: the array's own memory where its rows are contiguous and
// its matrices evenly apart, else a copy in C order.
#pragma once

#include <memory>

#include "bindings/matrices.h"

namespace steepest::bindings {

class Rows {
  public:
    // Copies nothing yet. On a device the framework of `object` makes the copy; raises TypeError
    // where there is none that can.
    Rows(const Array& a, py::handle object, const Place& place);

    // Between the array and its copy, if there is one. On a device they need the interpreter lock.
    void read() const;
    void write() const;
    steepest_operand operand() const;

  private:
    Array own_, used_;
    std::unique_ptr<char[]> copy_;     // in host memory
    py::object theirs_, theirs_copy_;  // on a device: the array and its copy, as the framework's
};

}  // namespace steepest::bindings
