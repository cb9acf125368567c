"""Where the Gram form of the iteration has to start anew.

The Gram form iterates on Q and R = X X^T only. A rounded Gram matrix has eigenvalues a little below
zero, which no X has; each step multiplies them by a^2 or more, until Q grows without bound. And a
step that sends the largest eigenvalue of R to the size of the smallest lets their eigenvectors mix,
as X's do not: Q then lifts what it should hold down. A restart forms Q X and its Gram matrix afresh
before some of the steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import arguments
from .table import resolve

#: Most negative eigenvalue of a Gram matrix with largest eigenvalue about 1, by the type that holds
#: it: float16's was observed, the others' are in proportion to their roundings.
PERTURBATION = {
    "float64": -4e-4 * 2.0**-42,
    "float32": -4e-4 * 2.0**-13,
    "float16": -4e-4,
    "bfloat16": -4e-4 * 2.0**3,
}

_SPECTRUM = np.logspace(0, -10, 10000)
# The 2 x 2 matrices of `reach`: pairs of singular values, and the signs of the roundings.
_PAIRS = np.logspace(0, -10, 40)[np.stack(np.triu_indices(40, 1), axis=-1)]
_SIGNS = np.array([[[-1, -1], [-1, -1]], [[-1, 1], [1, -1]], [[1, -1], [-1, 1]]], np.float64)


def _worst(
    triples: NDArray[np.float64], perturbation: float, positions: tuple[int, ...], limit: float
) -> float:
    """Worst condition number of Q; may stop at one that is not below the limit."""
    x, worst = _SPECTRUM, 1.0
    q, r = np.ones_like(x), x * x + perturbation
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for t, (a, b, c) in enumerate(triples):
            if t in positions:
                x = q * x
                q, r = np.ones_like(x), x * x + perturbation
            z = a + r * (b + r * c)
            q, r = q * z, r * (z * z)
            sizes = np.abs(q)
            # A Q with eigenvalues of both signs, or one that overflowed, counts as singular.
            definite = q.min() > 0 or q.max() < 0
            worst = max(worst, float(sizes.max() / sizes.min()) if definite else np.inf)
            if not worst < limit:
                break
    return worst


def condition(coefficients: Any, perturbation: float, positions: Iterable[int] = ()) -> float:
    """Worst condition number of Q over all steps of the Gram form, with restarts before the steps
    at these positions (from 0); infinite where Q loses its definiteness or overflows.

    It is that of the scalar iteration over singular values logspace(0, -10, 10000) where every
    fresh Gram matrix is off by `perturbation`.

    coefficients : as in `resolve`. positions : ints from 1. Raises as that does, and TypeError and
        ValueError for other positions or a perturbation out of range.

    Source: the search of the authors' code, Gram Newton-Schulz (Dao-AILab, 2026).
    """
    triples = resolve(coefficients)
    chosen = tuple(arguments.count("positions", p, 1, len(triples) - 1) for p in positions)
    return _worst(triples, _negative(perturbation), chosen, np.inf)


def reach(coefficients: Any, rounding: float, positions: Iterable[int] = ()) -> float:
    """The largest singular value that the Gram form makes of 2 x 2 matrices X whose largest one is
    at most 1, with restarts before the steps at these positions (from 0); infinite where it
    overflows.

    It is found by the iteration itself on diagonal X over pairs from logspace(0, -10, 40), where
    every Gram matrix and every product (a I + b R + c R^2)^2 R is off by `rounding`, times ||R||
    and the square of a, in all entries and with three choices of signs.

    coefficients : as in `resolve`. positions : ints from 1. Raises as that does, and TypeError and
        ValueError for other positions or a rounding out of range.

    Source: derived here.
    """
    triples = resolve(coefficients)
    chosen = tuple(arguments.count("positions", p, 1, len(triples) - 1) for p in positions)
    first = np.broadcast_to(np.eye(2), (len(_SIGNS), len(_PAIRS), 2, 2))
    errors = arguments.at_least("rounding", rounding, 0.0) * _SIGNS[:, None]
    x, q = first * _PAIRS[:, None, :], first
    with np.errstate(over="ignore", invalid="ignore"):
        r = _gram(x, errors)
        for t, (a, b, c) in enumerate(triples):
            if t in chosen:
                x, q = q @ x, first
                r = _gram(x, errors)
            z = a * first + b * r + c * (r @ r)
            q, r = q @ z, z @ r @ z + errors * (a * a * _largest(r))
        x = q @ x
    return float(np.linalg.norm(x, 2, axis=(-2, -1)).max()) if np.isfinite(x).all() else np.inf


def largest_factor(coefficients: Any, positions: Iterable[int] = ()) -> float:
    """The largest value of Q over singular values up to 1, with restarts before the steps at these
    positions (from 0); infinite where it overflows. Halves hold Q where this is in their range.

    coefficients : as in `resolve`. positions : ints from 1. Raises as that does.
    """
    chosen, x, largest = tuple(positions), _SPECTRUM, 1.0
    q = np.ones_like(x)
    with np.errstate(over="ignore", invalid="ignore"):
        for t, (a, b, c) in enumerate(resolve(coefficients)):
            if t in chosen:
                x, q = q * x, np.ones_like(x)
            r = (q * x) ** 2
            q = q * (a + r * (b + r * c))
            largest = max(largest, float(np.abs(q).max()))
    return largest if np.isfinite(largest) else np.inf


def _gram(x: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """X X^T as rounded."""
    exact = x @ x.swapaxes(-1, -2)
    rounded: NDArray[np.float64] = exact + errors * _largest(exact)
    return rounded


def _largest(r: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest magnitude of each matrix, to go with its entries."""
    largest: NDArray[np.float64] = np.abs(r).max(axis=(-2, -1), keepdims=True)
    return largest


def restarts(coefficients: Any, perturbation: float, count: int) -> list[int]:
    """The published choice of restart positions: of all combinations of that many steps the one
    with the least worst `condition` of Q, the first one where several are equal.

    coefficients : as in `resolve`. perturbation : see `PERTURBATION`.
    count : of restarts, an int less than the number of steps.

    Raises ValueError when Q loses its definiteness or overflows with every combination.
    """
    triples = resolve(coefficients)
    count = arguments.count("count", count, 0, len(triples) - 1)
    perturbation = _negative(perturbation)
    best, least = None, np.inf
    for positions in combinations(range(1, len(triples)), count):
        worst = _worst(triples, perturbation, positions, least)
        if worst < least:
            best, least = positions, worst
    if best is None:
        raise ValueError(
            f"count: {count} given, expected more restarts: Q escapes wherever they are"
        )
    return list(best)


def _negative(perturbation: Any) -> float:
    value = arguments.real("perturbation", perturbation)
    if not -1 < value <= 0:
        raise ValueError(f"perturbation: {value} given, expected more than -1, at most 0")
    return value
