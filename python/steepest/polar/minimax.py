"""Odd polynomials that come closest to 1 on an interval, and the sets composed of them.

The best odd quintic p for [l, u] is the one that Remez's algorithm converges to: it alternates,

    p(l) = p(r) = 1 - e,   p(q) = p(u) = 1 + e,   p'(q) = p'(r) = 0,   l < q < r < u.

Exchanging the points by solving for (a, b, c, e) loses digits as l approaches u, where the four
equations become alike. Written with p' ~ (x^2 - q^2)(x^2 - r^2) the two equalities lose their
double roots and leave one fixed point for q and r, which is exact to rounding on any interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arguments import at_least, between, count, real

Triple = tuple[float, float, float]

MOST_STEPS = 100
_DEGREES = np.array([1, 3, 5])


def _other_extremum(end: float, x: float) -> float:
    """y such that an odd quintic with its extrema at x and y is as large at `end` as at x."""
    cubic = end * (end * (3 * end + 6 * x) + 4 * x * x) + 2 * x**3
    return math.sqrt(cubic / (5 * (end + 2 * x)))


def _extrema(lower: float, upper: float) -> tuple[float, float]:
    """(q, r) of the best quintic; every round gains a digit or more."""
    r = (lower + 3 * upper) / 4
    for _ in range(100):
        before = r
        q = _other_extremum(lower, r)
        r = _other_extremum(upper, q)
        if abs(r - before) <= 2e-16 * upper:
            break
    return q, r


def _check_interval(lower: Any, upper: Any) -> tuple[float, float]:
    top = real("upper", upper)
    if not 0 < real("lower", lower) <= top:
        raise ValueError(f"lower: {lower} given, expected more than 0, at most upper = {top}")
    return float(lower), top


def quintic(lower: float, upper: float) -> Triple:
    """(a, b, c) of the odd quintic with the least max |1 - p(x)| over lower <= x <= upper.

    lower, upper : numbers, 0 < lower <= upper. Raises TypeError and ValueError for others.

    Source: Remez (1934); Amsel et al., arXiv 2505.16932. The iteration without double roots is
    derived here.
    """
    lower, upper = _check_interval(lower, upper)
    q, r = _extrema(lower, upper)
    a, b, c = (q * r) ** 2, -(q * q + r * r) / 3, 1 / 5
    ends = sum(x * (a + x * x * (b + x * x * c)) for x in (lower, upper))
    return 2 * a / ends, 2 * b / ends, 2 * c / ends


def cubic(lower: float, upper: float) -> Triple:
    """(a, b, 0) of the odd cubic with the least max |1 - p(x)| over lower <= x <= upper.

    lower, upper : numbers, 0 < lower <= upper. Raises TypeError and ValueError for others.

    Source: Grishina, Smirnov and Rakhuba, arXiv 2506.10935.
    """
    lower, upper = _check_interval(lower, upper)
    k = math.sqrt(3 / (upper * upper + lower * upper + lower * lower))
    scale = 4 / (2 + lower * upper * (lower + upper) * k**3)
    return 1.5 * k * scale, -0.5 * k**3 * scale, 0.0


def _value(triple: NDArray[np.float64], x: float) -> float:
    a, b, c = triple.tolist()
    return float(x * (a + x * x * (b + x * x * c)))


def _compose(
    best: Callable[[float, float], Triple],
    steps: int,
    lower: float,
    cushion: float = 0.0,
    safety: float = 1.0,
) -> NDArray[np.float64]:
    """Best polynomials one after the other, each for the interval that those before leave."""
    triples = np.empty((steps, 3))
    low, high = lower, 1.0
    for t in range(steps):
        triple = np.array(best(max(low, cushion * high), high))
        if low < cushion * high:
            triple *= 2 / (_value(triple, low) + _value(triple, high))
        if t < steps - 1:
            triple /= safety**_DEGREES
        triples[t] = triple
        low = min(_value(triple, low), 1.0)
        high = 2 - low
    return triples


def polar_express(
    steps: int, lower: float = 1e-3, cushion: float = 0.02, safety: float = 1.02
) -> NDArray[np.float64]:
    """Polar Express (arXiv 2505.16932): float64 (steps, 3), the best composition for [lower, 1].

    Each step is the best quintic for the interval [l, u] that the steps before leave, which is
    also the best composition there is. `cushion`: no quintic is made for less than
    [cushion u, u]; it is then scaled so that its range on [l, u] lies around 1. Steeper ones would
    press the values in the middle near to 0 for a while. `safety`: every step but the last is p(x /
    safety), so that values up to that much too large, from rounding, are borne.

    The published tables: (10, 1e-3, 0.02407327424182761, 1) is the paper's, the defaults are those
    of modded-nanogpt and Dion, safety 1.01 is that of the authors' code.

    Raises TypeError and ValueError for steps outside 1 to 100 and numbers out of range.
    """
    return _compose(
        quintic,
        count("steps", steps, 1, MOST_STEPS),
        between("lower", lower, 0, 1),
        at_least("cushion", cushion, 0, below=1),
        at_least("safety", safety, 1),
    )


def cans(
    steps: int, lower: float | None = None, order: int = 5, delta: float | None = None
) -> NDArray[np.float64]:
    """CANS (arXiv 2506.10935): float64 (steps, 3), Chebyshev-optimal polynomials of order 3 or 5.

    `lower`: the best for singular values in [lower, 1], 1e-3 unless given. `delta` instead of
    it: the set for the largest interval [lower, 1] that ends in [1 - delta, 1 + delta]. The
    published tables are (5) and the inverse roots' (9, lower=8.5e-4, order=3).

    Raises TypeError and ValueError for steps outside 1 to 100, another order, numbers out of range,
    and lower and delta together.
    """
    if order not in (3, 5):
        raise ValueError(f"order: {order!r} given, expected 3 or 5")
    steps = count("steps", steps, 1, MOST_STEPS)
    best = cubic if order == 3 else quintic
    if delta is None:
        return _compose(best, steps, between("lower", 1e-3 if lower is None else lower, 0, 1))
    if lower is not None:
        raise ValueError("delta: given together with lower, expected one of them")
    return _compose(best, steps, _widest(best, steps, between("delta", delta, 0, 1)))


def _widest(best: Callable[[float, float], Triple], steps: int, delta: float) -> float:
    """The least lower for which the composition stays within delta of 1, by bisection."""
    fails, holds = math.log(1e-300), 0.0
    for _ in range(64):
        middle = (fails + holds) / 2
        end = math.exp(middle)
        for triple in _compose(best, steps, end):
            end = _value(triple, end)
        fails, holds = (middle, holds) if 1 - end > delta else (fails, middle)
    return math.exp(holds)
