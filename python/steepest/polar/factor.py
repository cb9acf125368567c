"""The polar factor of a stack of matrices to working precision: rounds of Newton-Schulz steps, each
checked by the Gram matrix of what it left.

A round is a minimax composition for [1e-3, 1] followed by two steps of third order. No step of it
presses a singular value down by more than `PRESSES` against the largest one. That keeps the factor
backward stable (Nakatsukasa and Higham, SIAM J. Matrix Anal. Appl. 33, 2012): A = U H then holds to
a small multiple of the unit roundoff whatever the condition of A. A round lifts small singular
values by four powers of ten; matrices that have some left below 1 go into the next round.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from .minimax import polar_express
from .orthogonal import orthogonalize
from .products import gram, multiply, symmetric_product
from .stacks import Stack, roundoff
from .work import Values, Work

_THIRD_ORDER = (15 / 8, -10 / 8, 3 / 8)  # s -> 1 + O((1 - s)^3)
SCHEDULE = np.vstack([polar_express(9, 1e-3, 0.1, 1.001), [_THIRD_ORDER, _THIRD_ORDER]])
STEPS = len(SCHEDULE)
PRESSES = 2.3
_CLOSER = 4
#: Enough to lift singular values from 1e-36 of the largest.
ROUNDS = 8


def tolerances(values: Values, tol: float | None) -> tuple[float, float]:
    """Limits of ||U U^T - I||_F / sqrt(n): one that ends the iteration at once, about ten times
    what independent roundings leave, and one that is enough where another round gains nothing, for
    roundings that add up. Both are `tol` if it is given."""
    if tol is not None:
        return tol, tol
    longest, unit = max(map(int, values.shape[-2:])), roundoff(values)
    return 8 * unit * math.sqrt(longest), 4 * unit * longest


def wide_factor(
    x: Values, stack: Stack, tol: float | None = None, rounds: int = ROUNDS
) -> tuple[Values, NDArray[np.float64]]:
    """(U, how far U U^T is from I) of x (count, n, m), n <= m, with elements up to 1.

    U has singular values 1, or 0 in directions in which x vanishes to rounding; there both happen.
    The second is ||U U^T - I||_F / sqrt(n), up to 1 where x has no full rank. On a device each
    round is waited for.

    Raises LinAlgError where a matrix has not converged after all rounds; `stack` is for its name.
    """
    work = stack.work
    limit, last_limit = tolerances(x, tol)
    is_zero = work.largest(x) == 0
    u, distances = work.zeros_like(x), np.where(is_zero, min(int(x.shape[1]), 1.0), 0.0)
    left = np.flatnonzero(~is_zero)
    given = work.take(x, left)
    current, before = given, np.full(len(left), np.inf)
    for number in range(rounds):
        if not len(left):
            return u, distances
        current = _round(current, first=number == 0)
        distance, error = _distances(current, given, work)
        done = (error <= limit) | ((error <= last_limit) & (error > before / 2))
        ready, rest = np.flatnonzero(done), np.flatnonzero(~done)
        work.put(u, left[ready], current, ready)
        distances[left[ready]] = distance[ready]
        left, before = left[rest], error[rest]
        given, current = work.take(given, rest), work.take(current, rest)
    if len(left):
        raise np.linalg.LinAlgError(
            f"{stack.at(int(left[0]))}: polar factor off by {before[0]:.2g} after "
            f"{rounds * STEPS} steps, expected at most {limit:.2g}"
        )
    return u, distances


def _round(x: Values, first: bool) -> Values:
    """Later ones begin with singular values up to 1."""
    start = ("frobenius", None) if first else ("bound", 1.0)
    result: Values = orthogonalize(
        x, SCHEDULE, method="standard", normalization=start[0], bound=start[1]
    )
    return result


def _distances(u: Values, x: Values, work: Work) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(||R - I||_F / sqrt(n), how far u is from the factor of x) with R = u u^T.

    The latter is the former where x has full rank; else R need only be a projector, R^2 = R, that
    leaves x as it is, more closely than the tolerance.
    """
    root = int(u.shape[1]) ** 0.5
    defect, sums = gram(u, gamma=-1.0, sums=True)
    distance = np.sqrt(_arrays.to_host(sums.squares)) / root
    powers = symmetric_product(defect, defect, defect, sums=True)[1]  # (R - I) R
    moved = work.norms(multiply(defect, x)) / work.norms(x)
    squares = _arrays.to_host(powers.squares)
    projector = np.maximum(np.sqrt(squares) / root, _CLOSER * moved)
    return distance, np.minimum(distance, projector)
