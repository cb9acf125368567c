"""Orthonormal rows with the span of given rows: Cholesky QR, without LAPACK, for the same bits
whatever the number of threads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .products import gram, multiply

Matrix = NDArray[np.float64]

_UNIT = 2.0**-53
# What is added where rows depend on each other: far below what a gradient in single says.
_FILL = 2.0**-30


def orthonormal_rows(rows: Matrix, seed: int, tensor: int) -> Matrix:
    """Orthonormal rows (k, n), k <= n, to a few roundoffs; NaN where a row is not finite.

    Shifted Cholesky QR, then twice the plain one (Fukaya, Kannan, Nakatsukasa, Yamamoto and
    Yanagisawa 2020): safe to condition numbers about 1e15. Rows beyond that, zeros too, are
    completed from random ones, which seed and tensor determine.
    """
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        return np.full(rows.shape, np.nan)
    near_one = np.ldexp(rows, -np.frexp(largest)[1])  # whose squares are in range
    lengths = np.sqrt(_core.line_sums(near_one, None, 1))[:, None]
    unit = np.divide(near_one, lengths, out=np.zeros_like(rows), where=lengths > 0)
    found = _three_times(unit)
    if found is None:
        random = np.empty_like(unit)
        _core.probe_fill([random], False, [(tensor, 0)], (seed, 2**32 - 1, 1))
        found = _three_times(unit + _FILL / np.sqrt(unit.shape[1]) * random)
    return np.full(rows.shape, np.nan) if found is None else found


def _three_times(rows: Matrix) -> Matrix | None:
    k, n = rows.shape
    shift = 11 * (n * k + k * (k + 1)) * _UNIT * k  # k bounds the norm of k unit rows, squared
    for added in (shift, 0.0, 0.0):
        factor = _inverse_factor(gram(rows, gamma=added))
        if factor is None:
            return None
        rows = multiply(factor, rows)
    return rows


def _inverse_factor(matrix: Matrix) -> Matrix | None:
    """The inverse of the lower Cholesky factor; None where a pivot is nothing but rounding."""
    k = len(matrix)
    a, inverse = matrix.copy(), np.eye(k)
    least = 4 * k * _UNIT * np.diagonal(matrix)
    for j in range(k):
        pivot = a[j, j]
        if not pivot > least[j]:
            return None
        below = a[j + 1 :, j] / pivot
        inverse[j + 1 :, : j + 1] -= below[:, None] * inverse[j, : j + 1]
        inverse[j] /= np.sqrt(pivot)
        a[j + 1 :, j + 1 :] -= below[:, None] * a[j, j + 1 :]
    return inverse
