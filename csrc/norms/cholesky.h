// A proof that no eigenvalue lies above a number: Cholesky's factorisation of lambda I - A.
#pragma once

#include "core/arena.h"
#include "norms/levels.h"
#include "polar/products.h"

namespace steepest::norms {

// Scratch memory that the factorisation of an n x n matrix needs.
size_t cholesky_bytes(int64_t n, Precision precision);

// A bound of A's eigenvalues near `lambda`, infinite where the factorisation fails, as it does when
// an eigenvalue lies above lambda. A is exactly symmetric with a diagonal from 0 to 1, lambda at
// most 2, `work` of A's size and type. In float the bound is an estimate.
//
// With rounding, the factorisation that does not fail has R^T R = lambda I - A + D, where
// |D| <= gamma_(n+1) |R^T| |R| for any order of the sums (Higham, theorem 10.3), so that ||D|| is
// at most gamma/(1 - gamma) times the trace (Rump, "Verification of positive definiteness", 2006).
Up eigenvalue_bound(const polar::Matrix& A, double lambda, const polar::Matrix& work,
                    Arena scratch);

}  // namespace steepest::norms
