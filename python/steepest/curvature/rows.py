"""A matrix of one row per sample, kept as the user's arrays and read in float64 by parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from ..polar.products import gram
from . import structure
from .operator import DTYPES, Vector
from .structure import Structure

_PART = 1 << 20  # elements that are in float64 at a time

Matrix = NDArray[np.float64]


def read_rows(given: Any, name: str) -> tuple[Structure, list[NDArray[Any]]]:
    """The structure of one row, and the matrices (samples, elements) of all arrays, not copied.

    Raises TypeError (kind, dtype) and ValueError (no leading dimension, different or no samples).
    """
    of = structure.read(given, name, DTYPES)
    first = of.shapes[0][:1]
    for i, shape in enumerate(of.shapes):
        if not shape or shape[:1] != first or shape[0] == 0:
            raise ValueError(
                f"{of.label(i)}: shape {shape} given, expected a first dimension of "
                "samples, the same for all and not 0"
            )
    matrices = [_arrays.as_numpy(array).reshape(first[0], -1) for array in of.arrays]
    return _without_samples(of), matrices


def _without_samples(of: Structure) -> Structure:
    shapes = tuple(shape[1:] for shape in of.shapes)
    arrays = tuple(array[0] for array in of.arrays)
    return Structure("v", of.container, of.keys, arrays, shapes, of.dtypes)


class Rows:
    """The matrix A of all arrays beside each other, times a positive scale for each column.

    Memory beside the user's arrays: a part of the matrix, and what a method returns.
    """

    def __init__(self, matrices: list[NDArray[Any]], scale: Vector | None = None) -> None:
        self.matrices = matrices
        self.samples = len(matrices[0])
        self.size = sum(matrix.shape[1] for matrix in matrices)
        self.scale = scale

    def parts(self) -> Iterator[tuple[slice, Matrix]]:
        """Runs of columns in float64, with their places."""
        width = max(1, _PART // self.samples)
        first = 0
        for matrix in self.matrices:
            for start in range(0, matrix.shape[1], width):
                part = matrix[:, start : start + width].astype(np.float64)
                place = slice(first + start, first + start + part.shape[1])
                yield place, part if self.scale is None else part * self.scale[place]
            first += matrix.shape[1]

    def times(self, v: Vector) -> Vector:
        """A v."""
        total = np.zeros(self.samples)
        for place, part in self.parts():
            total += part @ v[place]
        return total

    def transposed_times(self, u: Vector) -> Vector:
        """A^T u; no pass over A for u = 0, where corrections start."""
        if not u.any():
            return np.zeros(self.size)
        result = np.empty(self.size)
        for place, part in self.parts():
            result[place] = u @ part
        return result

    def squared_columns(self) -> Vector:
        """The diagonal of A^T A."""
        result = np.empty(self.size)
        for place, part in self.parts():
            result[place] = np.einsum("ij,ij->j", part, part)
        return result

    def gram_of_samples(self, damping: float) -> Matrix:
        """A A^T + damping I, exactly symmetric."""
        total = damping * np.eye(self.samples)
        for _, part in self.parts():
            gram(part, total, out=total)
        return total

    def gram_of_columns(self, damping: float) -> Matrix:
        """A^T A + damping I, exactly symmetric."""
        total = damping * np.eye(self.size)
        height = max(1, _PART // self.size)
        for start in range(0, self.samples, height):
            rows = [m[start : start + height].astype(np.float64) for m in self.matrices]
            part = np.concatenate(rows, axis=1)
            gram((part if self.scale is None else part * self.scale).T, total, out=total)
        return total
