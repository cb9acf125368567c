"""Where the Gram form of the iteration has to start anew in low precision.

The Gram form iterates on Q and R = X X^T only. A rounded Gram matrix has eigenvalues a little below
zero, which no X has; each step multiplies them by a^2 or more, until Q grows without bound. A
restart forms Q X and its Gram matrix afresh before some of the steps.
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
    """
    triples = resolve(coefficients)
    chosen = tuple(arguments.count("positions", p, 1, len(triples) - 1) for p in positions)
    return _worst(triples, _negative(perturbation), chosen, np.inf)


def restarts(coefficients: Any, perturbation: float, count: int) -> list[int]:
    """The published choice of restart positions: of all combinations of that many steps the one
    with the least worst `condition` of Q, the first one where several are equal.

    perturbation : see `PERTURBATION`.
    count : of restarts, less than the number of steps.

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
