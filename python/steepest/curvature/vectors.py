"""Vectors in float64, which Krylov methods work with: NumPy's, or CuPy's and torch's on a device.

Sums over vectors are NumPy's on the host, and on a device the library's: dot products and norms
over the fixed tree, products with matrices those of `steepest.polar`. Each number that comes from a
device is waited for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _arrays, _core, _elements
from .._elements import current, is_elsewhere, numpy_of
from ..polar.products import multiply

Vector = Any  # (n,) in float64

_EXACT = 1000  # powers of two up to this one are numbers, and so are their reciprocals


def flat(arrays: Sequence[Any]) -> Vector:
    """The elements of all arrays one after the other, in C order."""
    parts = [_elements.floats(array, "float64").reshape((-1,)) for array in arrays]
    return joined(parts)


def joined(parts: Sequence[Vector]) -> Vector:
    """One behind the other, in memory of their own."""
    torch = _arrays.torch_of(parts[0])
    if torch is not None:
        return torch.cat(list(parts))
    with current(parts[0]):
        return numpy_of(parts[0]).concatenate(list(parts))


def beside_each_other(matrices: Sequence[Any]) -> Any:
    """One matrix of matrices with the same rows."""
    torch = _arrays.torch_of(matrices[0])
    if torch is not None:
        return torch.cat(list(matrices), dim=1)
    with current(matrices[0]):
        return numpy_of(matrices[0]).concatenate(list(matrices), axis=1)


def stacked(vectors: Sequence[Vector]) -> Any:
    """The matrix that has them as rows."""
    return joined(vectors).reshape((len(vectors), int(vectors[0].shape[0])))


def zeros(like: Any, size: int) -> Vector:
    """Where `like` lies: NumPy's in host memory."""
    return _arrays.zeros(like, "float64", (size,)) if is_elsewhere(like) else np.zeros(size)


def dot(a: Vector, b: Vector) -> float:
    if not is_elsewhere(a):
        return float(a @ b)
    found = _core.line_sums(a.reshape((1, -1)), b.reshape((1, -1)), 1)
    return float(_arrays.to_host(found)[0])


def times(rows: Any, v: Vector) -> Vector:
    """A v."""
    return multiply(rows, v.reshape((-1, 1))).reshape((-1,)) if is_elsewhere(v) else rows @ v


def transposed_times(rows: Any, v: Vector) -> Vector:
    """A^T v."""
    return multiply(v.reshape((1, -1)), rows).reshape((-1,)) if is_elsewhere(v) else rows.T @ v


def largest(vector: Vector) -> float:
    """The largest magnitude; 0 of no elements."""
    return float(abs(vector).max()) if int(vector.shape[0]) else 0.0


def is_finite(vector: Vector) -> bool:
    return _elements.first_not_finite([vector]) is None


def exponent(vector: Vector) -> int:
    """e with the largest magnitude in [2^(e - 1), 2^e), of a finite vector; 0 for zeros."""
    return math.frexp(largest(vector))[1]


def shifted(vector: Vector, power: int) -> Vector:
    """Times 2^power: exact, or beyond the range infinite, or in its subnormal numbers rounded."""
    if not is_elsewhere(vector):
        with np.errstate(over="ignore"):
            return np.asarray(np.ldexp(vector, power))
    while abs(power) > _EXACT:
        step = _EXACT if power > 0 else -_EXACT
        vector, power = vector * 2.0**step, power - step
    return vector * 2.0**power


def shifted_number(number: float, power: int) -> float:
    """The same of one number."""
    return float(shifted(np.array(number), power))


def norm(vector: Vector) -> float:
    """The 2-norm, whose squares neither overflow nor underflow; infinite only beyond the range."""
    power = exponent(vector)
    return shifted_number(norm_in_range(shifted(vector, -power)), power)


def norm_in_range(vector: Vector) -> float:
    """The 2-norm of a vector whose squares are in the range."""
    return _elements.norm([vector]) if is_elsewhere(vector) else float(np.linalg.norm(vector))
