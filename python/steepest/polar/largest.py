"""The largest singular value with its vectors, by Golub and Kahan's bidiagonalisation: a Krylov
iteration of matrix-vector products in float64. It is an estimate from below; the family `norms`
has bounds.

Stopping rule: it ends when ||A^T u - sigma v|| <= TOL sigma for the current triplet (u, sigma, v),
of which A v = sigma u holds anyway, so that sigma is a singular value of a matrix within TOL sigma
of A. That it is the largest one is as good as certain, since the start is random; where it is,
sigma is off by at most TOL^2 sigma / (2 gap) with its relative gap to the next other one, and in
any case by TOL sigma. A matrix that takes more than MOST_STEPS steps raises LinAlgError.

The vectors are in host memory, also those of a matrix on a device, which multiplies them there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .stacks import Stack
from .work import Operator, Vector

TOL = 1e-10
MOST_STEPS = 500
_CHECKED_EVERY = 5


class Triplet(NamedTuple):
    """A v = sigma u."""

    u: Vector
    sigma: float
    v: Vector


def largest_triplets(stack: Stack) -> list[Triplet]:
    """Of every matrix; zeros for one without elements or of zeros."""
    work, (m, n) = stack.work, stack.shape
    x, exponents = work.unit_scale(stack.values)
    triplets = []
    for index, is_zero in enumerate(work.largest(x) == 0):
        if is_zero:
            triplets.append(Triplet(np.zeros(m), 0.0, np.zeros(n)))
            continue
        u, sigma, v = _oriented(work.operator(x, index), stack.at(index))
        triplets.append(Triplet(u, float(np.ldexp(sigma, exponents[index])), v))
    return triplets


class _Transposed(Operator):
    def __init__(self, a: Operator) -> None:
        self._of = a
        self.shape = (a.shape[1], a.shape[0])

    def times(self, vector: Vector) -> Vector:
        return self._of.times_transposed(vector)

    def times_transposed(self, vector: Vector) -> Vector:
        return self._of.times(vector)


def _oriented(a: Operator, name: str) -> Triplet:
    """The iteration starts on the short side, whose dimension ends it."""
    if a.shape[0] >= a.shape[1]:
        return _largest(a, name)
    v, sigma, u = _largest(_Transposed(a), name)
    return Triplet(u, sigma, v)


def _largest(a: Operator, name: str) -> Triplet:
    m, n = a.shape
    steps = min(n, MOST_STEPS)
    start = np.asarray(np.random.default_rng(0).standard_normal(n))
    left, right = np.empty((steps, m)), np.empty((steps + 1, n))
    band = np.zeros((steps, steps))
    right[0] = _unit(start)
    for k in range(steps):
        # Rows of `left` and `right` stay orthogonal by projecting twice.
        p = _orthogonal(a.times(right[k]), left[:k])
        band[k, k] = np.linalg.norm(p)
        left[k] = _unit(p)
        q = _orthogonal(a.times_transposed(left[k]), right[: k + 1])
        beta = float(np.linalg.norm(q))
        if k + 1 < steps:
            band[k, k + 1] = beta
        right[k + 1] = _unit(q)
        last = k + 1 == steps or beta <= TOL * band[k, k]
        if last or (k + 1) % _CHECKED_EVERY == 0:
            triplet, rest = _ritz(band[: k + 1, : k + 1], left[: k + 1], right[: k + 1], beta)
            if rest <= TOL * triplet.sigma or (last and k + 1 == n):
                return triplet
    raise np.linalg.LinAlgError(
        f"{name}: largest singular value known to {rest / triplet.sigma:.2g} after {steps} steps, "
        f"expected {TOL:.2g}"
    )


def _ritz(
    band: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    beta: float,
) -> tuple[Triplet, float]:
    """The largest triplet of the projection, and ||A^T u - sigma v||."""
    p, s, qt = np.linalg.svd(band)
    return Triplet(p[:, 0] @ left, float(s[0]), qt[0] @ right), beta * abs(float(p[-1, 0]))


def _orthogonal(x: Vector, basis: NDArray[np.float64]) -> Vector:
    for _ in range(2):
        x = x - (basis @ x) @ basis
    return x


def _unit(x: Vector) -> Vector:
    size = np.linalg.norm(x)
    return x / size if size > 0 else x
