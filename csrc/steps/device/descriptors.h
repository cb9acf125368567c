// What device code reads: plain data that the host lays out in one image, which is copied to the
// device once and again only where it has changed. All pointers in it are device pointers.
#pragma once

#include <cstdint>

#include "steps/call.h"
#include "steps/job.h"

namespace steepest::device {

inline constexpr int kThreads = 256;  // of a CUDA block
inline constexpr int kWarp = 32;
inline constexpr int kWarps = kThreads / kWarp;
inline constexpr int kGroup = 4;      // elements side by side that lie aligned
inline constexpr int kPerThread = 8;  // elements a thread has in flight at a time, at most
inline constexpr int kSpan = kThreads * kPerThread;  // elements a CUDA block has in flight
inline constexpr int kFanOut = 256;                  // children of a node of the tree of block sums
inline constexpr int kInlineGrads = 400;             // gradients that travel as kernel arguments
inline constexpr int kInlineSettings = 4;            // constants that do

// `head` of a tensor whose streams lie differently towards the 16-byte grid.
inline constexpr uint8_t kStrided = 0xFF;

// How the streams of a launch are stored: all in the precision of the arithmetic, some not
// (or there is a working copy), or some rounded stochastically besides.
enum class Storage : int { plain = 0, coded = 1, random = 2 };

// One tensor that takes part in a call.
struct Tensor {
    void* stream[kMaxStreams];  // parameter, -, states; the gradients are apart, since they change
    void* copy;
    int64_t count;
    double* partial;    // tree of block sums, one after the other for each term
    uint32_t* arrived;  // children that are there, for each inner node of that tree
    uint32_t id;
    uint32_t settings;
    int32_t order;                   // position in the caller's list
    uint8_t dtype[kMaxStreams + 1];  // last: of the copy
    uint8_t random;                  // bit s: stream s (last: copy) is rounded stochastically
    uint8_t head;                    // elements before the first aligned group
    bool is_f64;
};

// Rows and columns of a tensor whose rule has states of them, or sums and values of rows; "line" as
// in steps/axes.cpp. The pointers are those of averages.
struct Axes {
    int64_t batch, outer, inner, line_blocks, inner_blocks;
    uint64_t outer_inverse, inner_inverse;  // over 2^64, rounded down
    double* line_sum;
    double* across_sum;
    double* row_sum;           // block sums over the new rows
    void* axis_new[2];         // rows, columns; or values of rows, whose sums of blocks are in
                               // line_sum, and the tree over rows in row_sum, term after term
    int32_t per_line, across;  // streams
    bool column_major;
};

// What kernels read per tensor besides arrays; tensors that can share one.
struct Constants {
    alignas(16) char constants[kMaxConstants];
    Stage<float> stage_f32;
    Stage<double> stage_f64;
    int64_t step;
};

// What Constants are made from on the device, when a part of it is known only there.
struct Inputs {
    Prepare prepare;  // hyper and sum to be filled in
    double hyper[kMaxHyperValues];
    const int64_t* step_at;
    const void* lr_at;
    double grad_scale;
    double max_value;
    bool lr_is_f64;
    bool maximize;
    Decay decay;
};

// One device scalar in float or double.
struct Scalar {
    const void* at;
    bool is_f64;
};

// What concerns all tensors of a call: the norm of their gradients, or, in the first fields, the
// sums of a rule over the list.
struct Norm {
    double* sum;        // trees over the tensors: of squares, then of non-finite counts; or by term
    uint32_t* arrived;  // tensors whose sums are there
    int32_t expected;   // of them
    int32_t count;      // positions in the tree
    double* norms;      // receives the norm of each position, divided by grad_scale, or null
    double* total;      // receives the norm of all, divided by grad_scale; or the rule's totals
    int32_t* finite;    // receives 1 or 0, or null
    double* clip;       // receives the clip coefficient of the norm of all
    double* clips;      // receives the coefficient of each position, or null
    int32_t* skipped;   // receives 1 or 0
    double max_norm;
    double max_tensor_norm;
    double grad_scale;
    bool skip_nonfinite;
};

// The arguments of every kernel.
struct Pass {
    const Tensor* tensors;
    const Axes* axes;            // one per tensor, where a rule has them
    const int32_t* first;        // work items before each tensor, tensors + 1 numbers
    const int32_t* second;       // the same of kernels that do two kinds of work
    void* const* grads;          // by tensor; null: inline_grads
    const Constants* constants;  // by setting; null: inline_constants
    Constants* computed;         // receives those made on the device
    const Inputs* inputs;
    int64_t* const* counters;  // of the advance kernel
    const double* clip;        // null: no clipping by norms
    bool clips_each;           // clip is that of the first position, not one for all
    const double* list_norm;   // of all gradients, before clipping; null where clip is
    const double* list_clip;   // the coefficient that bounds it
    const int32_t* skipped;    // null: nothing to skip
    Scalar grad_scale_at;
    Norm norm;
    uint64_t seed;
    int32_t count;     // of tensors, or of items where an item is no part of a tensor
    int32_t chunk;     // elements of an item of the apply kernel
    int32_t split;     // CUDA blocks that do the first kind of work
    bool shares_rate;  // step and lr are those of all tensors, and not those of `inputs`
    int64_t step;
    double lr;
    Constants inline_constants[kInlineSettings];
    void* inline_grads[kInlineGrads];
};
static_assert(sizeof(Pass) <= 5120);  // of the 32764 bytes that there are

// The tree of block sums: levels of kFanOut children per node, the sums first, the total last.
constexpr int64_t tree_nodes(int64_t leaves) {
    int64_t nodes = leaves;
    while (leaves > 1) nodes += leaves = (leaves + kFanOut - 1) / kFanOut;
    return nodes;
}

}  // namespace steepest::device
