"""The leading singular vectors of a matrix by a randomised range finder."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from . import arguments
from .jacobi import eigh
from .layout import is_row_major
from .orthonormal import orthonormal_rows
from .products import gram, multiply

METHODS = ("randomized", "svd")
_MOST_SEED = 2**64 - 1
_MOST_INDEX = 2**32 - 1
_MOST_ITERATIONS = 100

Matrix = NDArray[Any]


def leading_subspace(
    A: Any,  # noqa: N803
    rank: int,
    *,
    method: str = "randomized",
    oversampling: int = 8,
    power_iterations: int = 2,
    seed: int = 0,
    probe: int = 0,
    tensor: int = 0,
) -> Matrix:
    """Orthonormal singular vectors of the largest singular values, of the shorter side of A.

    A : matrix (m, n) of float32 or float64 in host memory, of any strides.
    rank : how many, at least 1; no more than min(m, n) are returned.
    method : "randomized", a Gaussian sketch of rank + oversampling columns, power_iterations times
        multiplied by A A^T with orthonormal bases between, then the singular vectors in that
        subspace (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1); or "svd", LAPACK's, in
        float64.
    seed, probe, tensor : what the sketch is a function of, as in `steepest.curvature.gaussian`.

    Returns a NumPy array P of A's dtype: (m, rank) left vectors if m < n, else (n, rank) right
    ones, by descending singular value; the largest element of each vector is positive. With a NaN
    or an infinity in A it is NaN. Directions that A lacks, down to a zero matrix, are completed to
    orthonormal ones.

    "randomized" has the same bits for any number of threads, not for different CPU targets. Its
    expected error ||A - P P^T A|| is (1 + sqrt(r / (p - 1)) + e sqrt(r + p) / p
    sqrt(min(m, n) - r))^(1 / (2 q + 1)) times the singular value r + 1, with p of oversampling and
    q of power_iterations (their corollary 10.10), and that of the cut to rank.

    Raises TypeError (kind, dtype), ValueError (shape, range), DeviceError (an array on a device).
    """
    arguments.one_of("method", method, METHODS)
    rank = arguments.count("rank", rank, 1, _MOST_INDEX)
    oversampling = arguments.count("oversampling", oversampling, 0, _MOST_INDEX)
    power_iterations = arguments.count("power_iterations", power_iterations, 0, _MOST_ITERATIONS)
    where = (
        arguments.count("seed", seed, 0, _MOST_SEED),
        arguments.count("probe", probe, 0, _MOST_INDEX - 1),
        arguments.count("tensor", tensor, 0, _MOST_INDEX),
    )
    a = _read(A)
    rank = min(rank, *a.shape)
    if rank == 0:
        return np.zeros((min(a.shape), 0), a.dtype)
    if method == "svd":
        vectors = _exact(a, rank)
    else:
        width = min(rank + oversampling, *a.shape)
        vectors = _randomized(_Operator(a), rank, width, power_iterations, where)
    return np.ascontiguousarray(_with_signs(vectors).T.astype(a.dtype))


def _read(given: Any) -> Matrix:
    shape, dtype = _core.array_facts(given, "A", -1)  # refuses what is no array in host memory
    if len(shape) != 2:
        raise ValueError(f"A: shape {tuple(shape)} given, expected a matrix")
    if dtype not in ("float32", "float64"):
        raise TypeError(f"A: dtype {dtype} given, expected float32 or float64")
    return _arrays.as_numpy(_arrays.view(given, "A"), "A")


class _Operator:
    """Products with a matrix from its shorter side to the longer and back, on bases that are rows.

    The matrix is read as it lies in memory: what is transposed are bases.
    """

    def __init__(self, a: Matrix) -> None:
        short_first = a.shape[0] < a.shape[1]
        row_major = is_row_major(a)
        self.matrix = a if row_major else a.T
        self.short_rows = short_first == row_major  # of the matrix as it lies
        self.short, self.long = min(a.shape), max(a.shape)

    def to_long(self, rows: Matrix) -> Matrix:
        """(k, short) to (k, long)."""
        return self._times(rows, self.short_rows)

    def to_short(self, rows: Matrix) -> Matrix:
        """(k, long) to (k, short)."""
        return self._times(rows, not self.short_rows)

    def _times(self, rows: Matrix, from_left: bool) -> Matrix:
        basis = rows.astype(self.matrix.dtype, copy=False)
        if from_left:
            product = multiply(basis, self.matrix)
        else:
            product = multiply(self.matrix, np.ascontiguousarray(basis.T)).T
        return np.ascontiguousarray(product, np.float64)


def _randomized(
    a: _Operator, rank: int, width: int, iterations: int, where: tuple[int, int, int]
) -> Matrix:
    """The leading `rank` vectors as rows."""
    seed, probe, tensor = where
    sketch = np.empty((width, a.long), a.matrix.dtype)
    _core.probe_fill([sketch], False, [(tensor, 0)], (seed, probe, 1))
    basis = orthonormal_rows(a.to_short(sketch), seed, tensor)
    for _ in range(iterations):
        basis = orthonormal_rows(a.to_long(basis), seed, tensor)
        basis = orthonormal_rows(a.to_short(basis), seed, tensor)
    image = a.to_long(basis)
    if not np.isfinite(image).all():
        return np.full((rank, a.short), np.nan)
    _, vectors = eigh(_scaled_gram(image))
    found = multiply(np.ascontiguousarray(vectors.T[:rank]), basis)
    # A Newton-Schulz step takes back what rotations have lost of orthonormality.
    corrected: Matrix = multiply(gram(found, alpha=-0.5, gamma=1.5), found)
    return corrected


def _scaled_gram(rows: Matrix) -> Matrix:
    """rows rows^T up to a power of two that keeps its elements in range."""
    largest = np.abs(rows).max()
    exponent = np.frexp(largest)[1] if largest > 0 else 0
    found: Matrix = gram(np.ldexp(rows, -exponent))
    return found


def _exact(a: Matrix, rank: int) -> Matrix:
    if not np.isfinite(a).all():
        return np.full((rank, min(a.shape)), np.nan)
    left, _, right = np.linalg.svd(a.astype(np.float64), full_matrices=False)
    vectors: Matrix = left.T if a.shape[0] < a.shape[1] else right
    return vectors[:rank]


def _with_signs(rows: Matrix) -> Matrix:
    largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
    return np.where(largest < 0, -rows, rows)
