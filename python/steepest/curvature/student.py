"""Quantiles of Student's distribution, for intervals without SciPy."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_LARGE = 2000  # degrees of freedom from which the expansion is as good as double precision


@lru_cache(maxsize=256)
def two_sided(confidence: float, freedom: int) -> float:
    """The t with P(|T| < t) = confidence, for an integral number of degrees of freedom."""
    if freedom >= _LARGE:
        return _expansion(NormalDist().inv_cdf(0.5 + confidence / 2), freedom)
    low, high = 0.0, math.pi / 2
    for _ in range(100):
        middle = 0.5 * (low + high)
        if _probability(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(low)


def _probability(angle: float, freedom: int) -> float:
    """P(|T| < t) at t = sqrt(freedom) tan(angle): Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(odd, freedom - 1, 2):  # terms with cos^k
        total += term
        term *= square * (k + 1) / (k + 2)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def _expansion(z: float, freedom: int) -> float:
    """Abramowitz and Stegun, 26.7.5; the next term is of the order of freedom^-5."""
    powers = [
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    ]
    return z + sum(p / float(freedom) ** (i + 1) for i, p in enumerate(powers))
