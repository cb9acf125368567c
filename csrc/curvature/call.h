// A probe of a list of tensors, checked and laid out for the drivers.
#pragma once

#include <cstdint>

#include "core/arena.h"
#include "core/dtype.h"
#include "curvature/kernel_table.h"
#include "steepest/steepest.h"

namespace steepest::curvature {

// Elements of one tensor in its own numbering end below this, and then no draw comes twice.
inline constexpr int64_t kMostElements = int64_t{1} << 48;

// One tensor of the call.
struct Job {
    Stream random;
    Distribution distribution;
    DType dtype;
    int64_t offset;  // number of its first element
    int64_t count;
    char* values;   // the probe to write, or the product to read
    int64_t group;  // elements that share statistics
    Statistics statistics;
    double* partial;  // sums of the blocks

    bool is_f64() const { return dtype == DType::f64; }
    char* at(int64_t i) const { return values + i * size_of(dtype); }
    int64_t blocks() const { return (count + kBlock - 1) / kBlock; }
    bool has_groups() const { return statistics.mean && group > 1; }
    // Of elements from the i-th on, when every element has its own.
    Statistics statistics_at(int64_t i) const;
};

struct Call {
    Job* jobs;
    int64_t count;
    double* tree;  // sums of the tensors
};

// Checks the arguments of a probe that is written, or of products that are taken in.
steepest_status check(const steepest_probe_args& args, bool accumulates);

// One tensor of checked arguments, without scratch.
Job job_at(const steepest_probe_args& args, int64_t i);

// Lays the call out in the arena; unfilled while the arena only measures.
void lay_out(const steepest_probe_args& args, Arena& arena, Call& call);

// Writes the probe.
void fill(const Call& call, const ProbeKernels& kernels);

// Takes the products in and writes the sums z^T h of the tensors, unless null; returns their sum.
double accumulate(const Call& call, const ProbeKernels& kernels, double* sums);

}  // namespace steepest::curvature
