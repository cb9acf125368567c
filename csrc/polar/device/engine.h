// The products and passes of an iteration on a device, all enqueued on its stream.
#pragma once

#include "polar/device/onchip.h"
#include "polar/device/products.h"
#include "polar/program.h"
#include "steps/device/backend.h"

namespace steepest::device {

class DeviceEngine {
  public:
    using Arena = steepest::Arena;
    using Update = polar::Update;

    explicit DeviceEngine(Backend& backend)
        : runs_(backend.polar_runs()),
          products_(backend),
          stream_(backend.stream()),
          shared_bytes_(backend.shared_bytes()) {}

    // Rows begin where 16 bytes do.
    static int64_t leading(int64_t cols, polar::Type type) {
        const int64_t group = 16 / polar::item_size(type);
        return (cols + group - 1) / group * group;
    }
    static size_t scratch_bytes(const Batch& A, const Batch& C) {
        return DeviceProducts::scratch_bytes(A, C);
    }
    static size_t rescale_bytes(const Batch& r) {
        Arena measured(nullptr, 0);
        measured.take<double>(r.count * r.matrix.rows);
        return measured.used();
    }

    void symmetric(const Batch& A, const Update& update, const Batch* D, const Batch& C,
                   Arena scratch) {
        products_.symmetric(A, update, D, C, scratch);
    }
    void symmetric_product(const Batch& A, const Batch& B, const Update& update, const Batch* D,
                           const Batch& C, Arena scratch) {
        products_.symmetric_product(A, B, update, D, C, scratch);
    }
    void general(const Batch& A, const Batch& B, const Update& update, const Batch* D,
                 const Batch& C, Arena scratch) {
        products_.general(A, B, update, D, C, scratch);
    }

    void copy_plus(const Batch& from, double value, const Batch& to);
    void split(const Batch& from, const Batch& high, const Batch& low);
    void rescale_rows(const Batch& x, const Batch& r, double safety, Arena scratch) {
        rescale(x, r, safety, scratch, false);
    }
    void rescale_by_schatten4(const Batch& x, const Batch& r, double safety, Arena scratch) {
        rescale(x, r, safety, scratch, true);
    }

    // By one launch where R, its polynomial and Q fit on chip.
    bool gram_steps(const Batch& r, const Batch& q, const Batch& high, const Batch& low,
                    bool splits, const double* coefficients, int32_t steps);

    // Normalises the caller's matrices, as `pass` describes them, into x, and writes it to their
    // results.
    void load(const PolarPass& pass);
    void store(const PolarPass& pass);
    // All of it for `count` matrices that fit on chip.
    void run_on_chip(const OnChipPass& pass, polar::Type type, int64_t count);

  private:
    void rescale(const Batch& x, const Batch& r, double safety, Arena scratch, bool by_squares);
    void multiply(const Batch& b, double* factors, bool both);

    const PolarRuns& runs_;
    DeviceProducts products_;
    void* stream_;
    int shared_bytes_;
};

}  // namespace steepest::device
