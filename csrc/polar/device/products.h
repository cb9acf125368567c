// The matrix products of polar/products.h on a device, or on its emulation: the same operands, but
// that all pointers are the device's. A program over these products can be written once for both.
//
// Every call only enqueues work on the backend's stream, with as many launches for a batch as for
// one matrix, and can be captured into a graph. The bits of C depend on the shape alone, not on the
// batch, the alignment or the multiprocessors; those of by-products on the size of the batch, too.
// Products of float and double are sums in the order of the inner dimension, one fused multiply-add
// after the other; those of half precision run on tensor cores. Large general products that the
// backend's library takes (library.h) are its own: their bits also depend on its version and on
// whether everything begins on the 16-byte grid.
#pragma once

#include "polar/products.h"
#include "steps/device/backend.h"

namespace steepest::device {

class DeviceProducts {
  public:
    explicit DeviceProducts(const ProductBackend& backend) : backend_(backend) {}

    // Bytes of device memory that the by-products of any product with these operands take; without
    // by-products none is used.
    static size_t scratch_bytes(const polar::Batch& A, const polar::Batch& C);

    // As on the host: D may be null, and may be C; it is not read where beta is zero. C and D in
    // double go with A in double, or with A in float, whose products are then summed in float over
    // runs of at most kShortRun, and the runs in double. `sums`, on the device, may be null, and
    // receives one entry for each matrix. False, and nothing done, where the scratch memory is too
    // small for it.
    bool symmetric(const polar::Batch& A, const polar::Update& update, const polar::Batch* D,
                   const polar::Batch& C, Arena scratch, polar::ByProducts* sums = nullptr) const;
    bool symmetric_product(const polar::Batch& A, const polar::Batch& B,
                           const polar::Update& update, const polar::Batch* D,
                           const polar::Batch& C, Arena scratch,
                           polar::ByProducts* sums = nullptr) const;
    bool general(const polar::Batch& A, const polar::Batch& B, const polar::Update& update,
                 const polar::Batch* D, const polar::Batch& C, Arena scratch) const;

  private:
    const ProductBackend& backend_;
};

}  // namespace steepest::device
