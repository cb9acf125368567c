// A proof that no eigenvalue lies above a number: Cholesky's factorisation of lambda I - A.
#pragma once

#include "core/arena.h"
#include "norms/levels.h"
#include "polar/products.h"

namespace steepest::norms {

// Scratch memory that the factorisation of an n x n matrix needs.
size_t cholesky_bytes(int64_t n, Precision precision);

// True: no eigenvalue of A lies above `lambda`. False: one does, or is too close to tell. A is
// exactly symmetric with a diagonal from 0 to 1, lambda at most 2, `work` of A's size and type. In
// float, true is an estimate.
//
// With rounding, the factorisation of mu I - A that does not fail has R^T R = mu I - A + D, where
// |D| <= gamma_(n+1) |R^T| |R| for any order of the sums (Higham, theorem 10.3), so that ||D|| is
// at most gamma/(1 - gamma) times the trace (Rump, "Verification of positive definiteness", 2006).
// A mu that is smaller than lambda by that much is tried.
bool has_no_eigenvalue_above(double lambda, const polar::Matrix& A, const polar::Matrix& work,
                             const Arena& scratch);

}  // namespace steepest::norms
