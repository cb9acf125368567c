// The values of a probe, made tile by tile in the precision of the arithmetic.
#pragma once

#include "curvature/call.h"

namespace steepest::curvature {

// Scratch for one thread.
class ProbeTiles {
  public:
    ProbeTiles(const Job& job, const ProbeKernels& kernels) : job_(job), kernels_(kernels) {}

    // Prepares at most kBlock elements from `first` on.
    void start(int64_t first, int64_t n) {
        first_ = first;
        if (job_.distribution == Distribution::rademacher)
            kernels_.sign_bits(job_.random, job_.offset + first, (n + 63) / 64, bits_);
    }

    // Values n <= kTile from the at-th prepared element on, a multiple of 64, as T.
    void make(int64_t at, int64_t n, void* to) const {
        if (job_.distribution == Distribution::rademacher)
            kernels_.expand[job_.is_f64()](bits_ + at / 64, n, to);
        else
            kernels_.gaussians[static_cast<int>(job_.dtype)](job_.random, job_.offset + first_ + at,
                                                             n, to);
    }
    // The signs themselves, for probes of signs.
    const uint64_t* bits(int64_t at) const { return bits_ + at / 64; }
    const void* values(int64_t at, int64_t n) {
        make(at, n, values_);
        return values_;
    }
    // The products that stand at the same elements.
    const void* products(int64_t at, int64_t n) {
        const LoadFn load = kernels_.load[static_cast<int>(job_.dtype)];
        const void* stored = job_.at(first_ + at);
        if (!load) return stored;
        load(stored, products_, n);
        return products_;
    }

  private:
    const Job& job_;
    const ProbeKernels& kernels_;
    int64_t first_ = 0;
    alignas(64) uint64_t bits_[kBitWords];
    alignas(64) double values_[kTile];
    alignas(64) float products_[kTile];
};

}  // namespace steepest::curvature
