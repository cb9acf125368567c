"""Useful operations of the iterations, product by product as csrc/polar/iteration.cpp has them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray


def symmetric(n: int, k: int) -> int:
    """Of a product n x k by k x n with a symmetric result: one triangle of it."""
    return n * n * k


def general(n: int, m: int) -> int:
    """Of a product n x n by n x m."""
    return 2 * n * n * m


def of_method(
    method: str,
    compute: str,
    triples: NDArray[np.float64],
    restarts: Collection[int],
    n: int,
    m: int,
) -> dict[str, int]:
    """Operations on one matrix with sides n <= m, by the type of the operands."""
    if method == "standard":
        return {compute: sum(_standard_step(c, n, m) for _, _, c in triples)}
    return _gram(compute, len(triples), restarts, n, m)


def _standard_step(c: float, n: int, m: int) -> int:
    """The Gram matrix, its square unless the step is cubic, and the product by the iterate."""
    return symmetric(n, m) + (symmetric(n, n) if c else 0) + general(n, m)


def _gram(compute: str, steps: int, restarts: Collection[int], n: int, m: int) -> dict[str, int]:
    """Every stretch between restarts forms the Gram matrix and multiplies the iterate once.

    A step takes the square; the factor's product, but for the first of a stretch; and two products
    for the next Gram matrix, but for the last of a stretch. With bfloat16 these are of float32, and
    the factor, kept as the sum of two, multiplies the iterate twice.
    """
    stretches = 1 + len(restarts)
    splits = compute == "bfloat16"
    square = symmetric(n, n) * (steps + 3 * (steps - stretches))
    wide = stretches * (symmetric(n, m) + (2 if splits else 1) * general(n, m))
    return {"float32": square, compute: wide} if splits else {compute: square + wide}
