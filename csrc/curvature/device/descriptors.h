// What device code reads of probes: plain data that the host lays out in one image.
#pragma once

#include "core/philox.h"
#include "curvature/kernel_table.h"
#include "steps/device/descriptors.h"

namespace steepest::device {

using curvature::Distribution;
using curvature::kPhiloxSigns;

// One tensor of a call.
struct ProbeTensor {
    void* values;  // the probe to write, or the product to read
    void* mean;
    void* scatter;
    void* weight;
    double* partial;    // tree of block sums
    uint32_t* arrived;  // children that are there, for each inner node of that tree
    int64_t count;
    int64_t offset;  // number of the first element
    int64_t group;   // elements that share statistics
    uint32_t id;
    int32_t order;  // position in the caller's list
    uint8_t dtype;
    bool is_wide;  // all streams begin where groups are aligned
};

// The arguments of every kernel.
struct ProbePass {
    const ProbeTensor* tensors;
    const int32_t* first;  // work items before each tensor, tensors + 1 numbers
    double* sum;           // tree over the positions of the list
    uint32_t* arrived;     // tensors whose sums are there
    double* sums;          // receives the sum of each position, or null
    double* total;         // receives that of all
    Stream random;         // of a tensor but for its id
    double share;          // 1 / sample
    int32_t count;         // of tensors
    int32_t expected;      // tensors that have sums, in all launches of the call
    int32_t positions;     // in the tree
};

}  // namespace steepest::device
