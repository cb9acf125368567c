"""How much the Gram form magnifies its roundings.

The standard form multiplies an error of the iterate by what the rest of the set does to singular
values, at most by the product of the a's. The Gram form makes a factor Q of R = X X^T, which has
the squares of the singular values: there an error of R counts about as much as the square of that
product. A restart cuts the product in two, whose squares are smaller.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import arguments
from .scalar import evaluate
from .table import resolve

_VALUES = np.logspace(0, -10, 500)
_CLOSE = 1e-6  # of two eigenvalues, relative: their difference has too few digits left


def amplification(coefficients: Any, positions: Iterable[int] = ()) -> float:
    """How many times larger than the roundings of the Gram matrices the error of the Gram form is
    at most, with restarts before the steps at these positions (from 0).

    Every Gram matrix, and every product (a I + b R + c R^2)^2 R, is taken to be off by a rounding
    times ||R|| and the square of a, in the Frobenius norm, and the largest singular value to be at
    most 1. The error of the result, in that norm and to first order, is at most this number times
    the rounding: the sum over the steps of the largest |Q(r) - Q(s)| / |r - s| P x, with Q of the
    steps up to the next restart (Daleckii and Krein), P the larger factor so far of the two and x
    the singular value before it, times the largest |f'(x)| and f(x) / x of the steps f from there
    on. Both are sought over singular values from logspace(0, -10, 500).

    coefficients : as in `resolve`. positions : ints from 1. Raises as that does, and TypeError and
        ValueError for other positions.

    Source: derived here.
    """
    triples = resolve(coefficients)
    last = len(triples) - 1
    chosen = sorted({arguments.count("positions", p, 1, last) for p in positions})
    x, total = _VALUES, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for start, end in zip([0, *chosen], [*chosen, len(triples)], strict=True):
            error, of_stretch, first = float(np.max(x * x)), 0.0, x
            for t in range(start, end):
                of_stretch += error * _through_factor(triples[t:end], x, first)
                error = float(triples[t][0] ** 2 * np.max(x * x))
                x = evaluate(triples[t : t + 1], x)
            total += of_stretch * _through_steps(triples[end:], x)
    return total if np.isfinite(total) else np.inf


def _through_factor(
    triples: NDArray[np.float64], x: NDArray[np.float64], first: NDArray[np.float64]
) -> float:
    """Of an error of R in the product of X by the factor, for the singular values x, which were
    those `first` where the factor was the identity."""
    r, lift = x * x, np.abs(x / first)
    q, slope = _factor(triples, r)
    gaps = np.abs(np.subtract.outer(r, r))
    close = gaps <= _CLOSE * np.maximum.outer(r, r)
    quotients = np.abs(np.subtract.outer(q, q)) / np.where(close, 1.0, gaps)
    # Rounding has no eye for the order of the factors so far and those to come.
    sizes = np.maximum.outer(lift, lift) * np.abs(first)
    return float(np.max(np.where(close, np.abs(slope), quotients) * sizes))


def _factor(
    triples: NDArray[np.float64], r: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q of these steps for eigenvalues r, and its derivative."""
    q, dq, dr = np.ones_like(r), np.zeros_like(r), np.ones_like(r)
    for a, b, c in triples:
        z, dz = a + r * (b + r * c), (b + 2 * c * r) * dr
        q, dq = q * z, dq * z + q * dz
        r, dr = r * z * z, z * (dr * z + 2 * r * dz)
    return q, dq


def _through_steps(triples: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    """Of an error of X in what these steps make of it."""
    slope, ratio = np.ones_like(x), np.ones_like(x)
    for a, b, c in triples:
        s = x * x
        slope, ratio = slope * (a + s * (3 * b + s * 5 * c)), ratio * (a + s * (b + s * c))
        x = x * (a + s * (b + s * c))
    return float(max(np.abs(slope).max(), np.abs(ratio).max()))
