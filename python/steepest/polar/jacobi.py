"""Eigenvalues and eigenvectors of a small symmetric matrix, by Jacobi's method.

Only sums, products, quotients and roots of elements: the same bits whatever the number of threads,
which LAPACK over a threaded BLAS does not promise.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_MOST_SWEEPS = 40
_UNIT = 2.0**-53
_NEGLIGIBLE = 2.0**-54  # beside the largest element of the diagonal


def eigh(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """Eigenvalues of a symmetric (n, n), descending, and the eigenvectors as columns of (n, n).

    In a round n / 2 disjoint pairs (p, q) are rotated at once, those of the halves of the matrix;
    then rows and columns move as in a round-robin tournament (Brent and Luk 1985).
    """
    n = len(matrix)
    size = max(n + n % 2, 2)  # a row of zeros is its own eigenvector
    a, vectors = np.zeros((size, size)), np.eye(size)
    a[:n, :n] = matrix
    seats = _next_seats(size)
    for _ in range(_MOST_SWEEPS):
        rotated = False
        for _ in range(size - 1):
            cosine, sine = _angles(a)
            if sine.any():
                rotated = True
                a = _rotated(_rotated(a, cosine, sine).T, cosine, sine)
                _clear(a, sine[:, 0] != 0)
                vectors = _rotated(vectors, cosine, sine)
            a, vectors = a[seats][:, seats], vectors[seats]
        if not rotated:
            break
    values = np.diagonal(a)
    order = np.argsort(-values, kind="stable")
    used = order[np.abs(vectors[order, :n]).max(axis=1) > 0][:n] if n else order[:0]
    return values[used].copy(), vectors[used, :n].T.copy()


def _angles(a: Matrix) -> tuple[Matrix, Matrix]:
    """Cosines and sines, as columns, that make the pairs' elements zero; those that are small
    beside the diagonal already are left."""
    half = len(a) // 2
    diagonal = np.diagonal(a)
    p, q, off = diagonal[:half], diagonal[half:], np.diagonal(a[:half, half:])
    least = _UNIT * np.sqrt(np.abs(p)) * np.sqrt(np.abs(q))
    small = np.abs(off) <= np.maximum(least, _NEGLIGIBLE * np.abs(diagonal).max())
    with np.errstate(over="ignore"):
        ratio = np.divide(q - p, 2 * off, out=np.zeros(half), where=~small)
        sign = np.where(ratio < 0, -1.0, 1.0)
        tangent = np.where(small, 0.0, sign / (np.abs(ratio) + np.sqrt(1 + ratio * ratio)))
    cosine = 1 / np.sqrt(1 + tangent * tangent)
    return cosine[:, None], (cosine * tangent)[:, None]


def _clear(a: Matrix, rotated: NDArray[np.bool_]) -> None:
    """What rotations were to make zero, and made a rounding."""
    p = np.flatnonzero(rotated)
    q = p + len(a) // 2
    a[p, q] = a[q, p] = 0.0


def _rotated(rows: Matrix, cosine: Matrix, sine: Matrix) -> Matrix:
    top, bottom = rows[: len(cosine)], rows[len(cosine) :]
    return np.concatenate([cosine * top - sine * bottom, sine * top + cosine * bottom])


def _next_seats(size: int) -> NDArray[np.int64]:
    """Who sits where in the next round: the first stays, the others go round both halves."""
    half = size // 2
    circle = [*range(1, half), *range(size - 1, half - 1, -1)]
    seats = np.arange(size)
    for seat, following in pairwise([circle[-1], *circle]):
        seats[following] = seat
    return seats
