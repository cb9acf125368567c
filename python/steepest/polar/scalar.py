"""What a coefficient set does to singular values: the composed scalar polynomial."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arguments import at_least
from .table import resolve


def evaluate(coefficients: Any, x: ArrayLike, steps: int | None = None) -> NDArray[np.float64]:
    """The composed polynomial at x, element by element, in double.

    coefficients, steps : as in `resolve`, whose errors it raises. x : array of any shape.
    """
    values = np.array(x, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        for a, b, c in resolve(coefficients, steps):
            squares = values * values
            values = values * (a + squares * (b + squares * c))
    return values


def _turning_points(triple: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the derivative a + 3 b x^2 + 5 c x^4 is zero, on both sides of 0."""
    a, b, c = triple
    squares = np.roots([5 * c, 3 * b, a])  # leading zeros are dropped
    roots = np.sqrt(squares.real[(squares.imag == 0) & (squares.real > 0)])
    return np.concatenate([-roots, roots])


def image(
    coefficients: Any, lower: float = 0.0, upper: float = 1.0, steps: int | None = None
) -> tuple[float, float]:
    """(smallest, largest) value of the composition over lower <= x <= upper.

    Exact up to rounding, with no grid: the range of a continuous function on an interval is an
    interval, whose ends are among the values at its ends and at the turning points inside.

    coefficients, steps : as in `resolve`, whose errors it raises. lower, upper : numbers.
    """
    low, high = lower, upper
    for triple in resolve(coefficients, steps):
        points = _turning_points(triple)
        inside = points[(low < points) & (points < high)]
        values = evaluate(triple[None], np.array([low, high, *inside]))
        low, high = float(values.min()), float(values.max())
        if not math.isfinite(high - low):
            return -math.inf, math.inf
    return low, high


def rounded_image(
    coefficients: Any, rounding: float, steps: int | None = None
) -> tuple[float, float]:
    """(smallest, largest) value for 0 <= x <= 1 where every step finds its argument off by up to
    `rounding` times the largest one, as products of that unit roundoff leave the singular values.

    Sets whose steps are steep right behind their intervals escape: (-inf, inf) in the end. The
    bound is derived here.

    coefficients, steps : as in `resolve`. rounding : a number from 0. Raises as that does, and for
        another rounding.
    """
    low, high = 0.0, 1.0
    for triple in resolve(coefficients, steps):
        spread = at_least("rounding", rounding, 0.0) * max(high, -low)
        low, high = image(triple[None], low - spread, high + spread)
        if not math.isfinite(high - low):
            return -math.inf, math.inf
    return low, high


@dataclass(frozen=True, eq=False)
class Survey:
    """What becomes of singular values in (0, 1].

    Of the set `triples` (steps, 3), float64: `singular_values` ascends and `values` are the
    composition there, as for a plot. `smallest` and
    `largest` are the bounds of the composition on [0, 1], not only on the grid: a negative
    `smallest` means that the sign of some singular values is flipped. `slope`: how much the
    smallest ones are lifted.
    """

    triples: NDArray[np.float64]
    singular_values: NDArray[np.float64]
    values: NDArray[np.float64]
    smallest: float
    largest: float
    slope: float

    def interval(self, lower: float) -> tuple[float, float]:
        """(smallest, largest) value for singular values in [lower, 1]."""
        return image(self.triples, at_least("lower", lower, 0, below=1))


def survey(coefficients: Any, steps: int | None = None, points: int = 20000) -> Survey:
    """Walks a set over `points` singular values from 1e-10 to 1, half of them evenly spaced and
    half of them evenly spaced in their logarithms.

    coefficients, steps : as in `resolve`, whose errors it raises. points : int. Returns a Survey.
    """
    triples = resolve(coefficients, steps)
    half = max(2, points // 2)
    grid = np.union1d(np.logspace(-10, 0, half), np.arange(1, half + 1) / half)
    smallest, largest = image(triples)
    slope = math.prod(triples[:, 0].tolist())
    return Survey(triples, grid, evaluate(triples, grid), smallest, largest, slope)
