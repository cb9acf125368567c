// The update of MKOR: F = scale F + identity I + sign t t^T for a symmetric matrix F, where t is a
// multiple of p F v + q v.
#pragma once

#include "core/arena.h"
#include "core/dtype.h"
#include "curvature/rank_one_table.h"
#include "steepest/steepest.h"

namespace steepest::curvature {

// Row sums of a matrix of this size are folded on the stack.
inline constexpr int64_t kMostRows = int64_t{1} << 22;

struct RankOneCall {
    int64_t n;
    bool is_f64;
    void* matrix;
    const void* given;  // v in T
    double* vector;     // v
    double* image;      // F v, then p F v + q v
    void* term;         // t in T
};

steepest_status check(const steepest_mkor_args& args);

// Lays the call out in the arena; only measures where that holds no memory.
void lay_out(const steepest_mkor_args& args, Arena& arena, RankOneCall& call);

// Updates the matrix and fills the results of the arguments in.
void update_inverse(const RankOneCall& call, const RankOneKernels& kernels,
                    steepest_mkor_args& args);

}  // namespace steepest::curvature
