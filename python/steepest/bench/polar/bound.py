"""How far the singular values of a result may be from the polynomial's.

The bound is a mixed one, in units of the roundings of the type of the operands (u) and of float32
(u32). The singular values of the result are those of a matrix near the normalised one, taken
through the polynomial, and then off by a little:

    standard    | |p(s')|                  |s' - s| <= shift u
    gram        | |s' q(r')|               |s' - s| <= shift u,   |r' - s'^2| <= gram_shift u32

each within `offset` u. p is the composed polynomial and q its factor, p(s) = s q(s^2): the Gram
form sees s^2 with an error of its own. Singular values far below the largest are lifted a
thousandfold, and so are their errors; this is where `shift` counts.

The numbers are a statement that is checked, not a proof: about twice what was seen, on Gaussian,
geometric, rank-deficient, flat and spiked spectra, with the published sets (standard; CANS in
bfloat16 keeps to no such bound) or with 5 steps of Polar Express (gram).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..bounded import UNIT
from .cases import Case

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Bound:
    """The numbers of the statement."""

    shift: float
    gram_shift: float
    offset: float


BOUNDS = {
    ("standard", "float32"): Bound(2, 0, 256),
    ("gram", "float32"): Bound(2, 32, 16384),
    ("standard", "bfloat16"): Bound(2, 0, 16),
    ("gram", "bfloat16"): Bound(2, 32, 16),
}
_POINTS = np.linspace(-1, 1, 129)  # of the interval of a singular value; one is its middle
_FEW_POINTS = np.linspace(-1, 1, 9)


def excess(case: Case, given: Values, actual: Values) -> float:
    """Largest distance of the result's singular values from the polynomial's over its bound.

    `given`: of the normalised matrix, `actual`: of the result; both (..., n). Infinite for NaN.
    """
    worst = 0.0
    rows = given.shape[-1]
    for s, values in zip(given.reshape(-1, rows), actual.reshape(-1, rows), strict=True):
        lowest, middle, highest = interval(case, s)
        difference = np.sort(values) - middle
        with np.errstate(invalid="ignore"):
            room = np.where(difference > 0, highest - middle, middle - lowest)
            ratio = np.abs(difference) / room
        worst = max(worst, float(np.max(np.where(np.isnan(ratio), np.inf, ratio))))
    return worst


def interval(case: Case, s: Values) -> tuple[Values, Values, Values]:
    """(least, exact, largest) singular values of the result, each in ascending order.

    Sorted ends hold for sorted values, since each value has an interval of its own.
    """
    bound = BOUNDS[case.method, case.compute]
    shift, offset = bound.shift * UNIT[case.compute], bound.offset * UNIT[case.compute]
    exact = np.abs(s * factor(case.triples, s * s))
    near = np.maximum(s[:, None] + shift * _POINTS, 0)  # p is odd
    squares = near * near
    if bound.gram_shift:
        near = near[:, :, None]
        squares = squares[:, :, None] + bound.gram_shift * UNIT["float32"] * _FEW_POINTS
    values = np.abs(near * factor(case.triples, squares)).reshape(len(s), -1)
    lowest = np.minimum(values.min(axis=1), exact) - offset
    highest = np.maximum(values.max(axis=1), exact) + offset
    return np.sort(lowest), np.sort(exact), np.sort(highest)


def factor(triples: Values, r: Values) -> Values:
    """q with p(s) = s q(s^2), at r; also where r is a little below zero."""
    q, r = np.ones_like(r), np.array(r)
    for a, b, c in triples:
        z = a + r * (b + r * c)
        q, r = q * z, r * z * z
    return q


def error_of(case: Case, given: NDArray[np.float32], result: NDArray[np.float32]) -> float:
    """The excess of a result."""
    if not np.isfinite(result).all():
        return float("inf")
    actual = singular_values(result)
    return excess(case, _normalised(given.tobytes(), given.shape), actual)


def singular_values(matrix: NDArray[np.float32]) -> Values:
    """In double."""
    return np.linalg.svd(matrix.astype(np.float64), compute_uv=False)


@lru_cache(maxsize=1)  # the cases of a shape follow one another
def _normalised(data: bytes, shape: tuple[int, ...]) -> Values:
    """Singular values over the Frobenius norm."""
    s = singular_values(np.frombuffer(data, np.float32).reshape(shape))
    values: Values = s / np.linalg.norm(s, axis=-1, keepdims=True)
    return values
