"""A matrix of one row per sample, kept as the user's arrays and read in float64 by parts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import _arrays, _core
from .._arrays import Array
from .._elements import beside, floats, is_elsewhere
from ..polar.products import gram
from . import structure
from .operator import DTYPES
from .structure import Structure
from .vectors import (
    Vector,
    beside_each_other,
    joined,
    largest,
    times,
    transposed_times,
    zeros,
)

_PART = 1 << 20  # elements that are in float64 at a time

Matrix = Any  # (m, n) in float64, where the user's arrays are


def read_rows(given: Any, name: str, *, devices: bool = False) -> tuple[Structure, list[Array]]:
    """The structure of one row, and the matrices (samples, elements) of all arrays, not copied; on
    a device in C order.

    Raises TypeError (kind, dtype) and ValueError (no leading dimension, different or no samples).
    """
    of = structure.read(given, name, DTYPES, devices=devices)
    first = of.shapes[0][:1]
    for i, shape in enumerate(of.shapes):
        if not shape or shape[:1] != first or shape[0] == 0:
            raise ValueError(
                f"{of.label(i)}: shape {shape} given, expected a first dimension of "
                "samples, the same for all and not 0"
            )
    return _without_samples(of), [_matrix(of, i) for i in range(len(of.keys))]


def _matrix(of: Structure, i: int) -> Array:
    array, shape = of.arrays[i], of.shapes[i]
    if isinstance(array, structure.Foreign):
        raise TypeError(
            f"{of.label(i)}: {_arrays.describe(array.array)} given, expected a NumPy or CuPy array "
            "or a torch tensor"
        )
    seen = structure.in_c_order(array) if is_elsewhere(array) else _arrays.as_numpy(array)
    return seen.reshape((shape[0], math.prod(shape[1:])))


def _without_samples(of: Structure) -> Structure:
    shapes = tuple(shape[1:] for shape in of.shapes)
    arrays = tuple(array[0] for array in of.arrays)
    return Structure("v", of.container, of.keys, arrays, shapes, of.dtypes, of.devices)


class Rows:
    """The matrix A of all arrays beside each other, times a positive scale for each column.

    Memory beside the user's arrays: a part of the matrix, and what a method returns.
    """

    def __init__(self, matrices: list[Array], scale: Vector | None = None) -> None:
        self.matrices = matrices
        self.samples = int(matrices[0].shape[0])
        self.size = sum(int(matrix.shape[1]) for matrix in matrices)
        self.scale = scale

    def parts(self) -> Iterator[tuple[slice, Matrix]]:
        """Runs of columns in float64, with their places."""
        width = max(1, _PART // self.samples)
        first = 0
        for matrix in self.matrices:
            columns = int(matrix.shape[1])
            for start in range(0, columns, width):
                part = floats(matrix[:, start : start + width], "float64")
                place = slice(first + start, first + start + int(part.shape[1]))
                yield place, part if self.scale is None else part * self.scale[place]
            first += columns

    def zeros(self, size: int) -> Vector:
        """A vector where the matrix is."""
        return zeros(self.matrices[0], size)

    def times(self, v: Vector) -> Vector:
        """A v."""
        total = self.zeros(self.samples)
        for place, part in self.parts():
            total = total + times(part, v[place])
        return total

    def transposed_times(self, u: Vector) -> Vector:
        """A^T u; no pass over A for u = 0, where corrections start."""
        if largest(u) == 0:
            return self.zeros(self.size)
        return joined([transposed_times(part, u) for _, part in self.parts()])

    def squared_columns(self) -> Vector:
        """The diagonal of A^T A, over the fixed tree."""
        return joined([beside(_core.line_sums(part, None, 0), part) for _, part in self.parts()])

    def gram_of_samples(self, damping: float) -> Matrix:
        """A A^T + damping I, exactly symmetric."""
        total = self._identity(self.samples, damping)
        for _, part in self.parts():
            gram(part, total, out=total)
        return total

    def gram_of_columns(self, damping: float) -> Matrix:
        """A^T A + damping I, exactly symmetric."""
        total = self._identity(self.size, damping)
        height = max(1, _PART // self.size)
        for start in range(0, self.samples, height):
            rows = [floats(m[start : start + height], "float64") for m in self.matrices]
            part = beside_each_other(rows)
            gram((part if self.scale is None else part * self.scale).T, total, out=total)
        return total

    def _identity(self, size: int, damping: float) -> Matrix:
        return beside(damping * np.eye(size), self.matrices[0])
