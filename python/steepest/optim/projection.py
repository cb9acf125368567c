"""A gradient in a subspace of its shorter side, and back.

Matrices with fewer rows than columns are projected from the left, R = P^T G, all others from the
right, R = G P; P has orthonormal columns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..polar.products import multiply

Matrix = NDArray[Any]
Shape = tuple[int, int]


def is_left(shape: Shape) -> bool:
    """Whether matrices of this shape are projected from the left."""
    return shape[0] < shape[1]


def projected_shape(shape: Shape, rank: int) -> Shape:
    """Shape of R."""
    return (rank, shape[1]) if is_left(shape) else (shape[0], rank)


def project(projector: Matrix, gradient: Matrix, factor: float, out: Matrix) -> None:
    """out = factor R."""
    if is_left(gradient.shape):
        multiply(projector.T, gradient, alpha=factor, out=out)
    else:
        multiply(gradient, projector, alpha=factor, out=out)


def expand(
    projector: Matrix,
    projected: Matrix,
    out: Matrix,
    *,
    alpha: float = 1.0,
    addend: Matrix | None = None,
    beta: float = 1.0,
) -> None:
    """out = alpha P R + beta addend, or alpha R P^T from the right."""
    left = is_left(out.shape)
    a, b = (projector, projected) if left else (projected, projector.T)
    multiply(a, b, addend, alpha=alpha, beta=beta, out=out)


def squares(matrix: Matrix, of: Shape) -> NDArray[np.float64]:
    """Squared lengths of what is scaled as one: the columns under a projection from the left, the
    rows under one from the right, of a matrix projected as one of shape `of`."""
    found: NDArray[np.float64] = _core.line_sums(matrix, None, 0 if is_left(of) else 1)
    return found


class Workspace:
    """Memory that grows to the largest request of each name: what a step needs for one matrix at a
    time."""

    def __init__(self) -> None:
        self._memory: dict[tuple[str, str], Matrix] = {}

    def take(self, name: str, shape: Shape, dtype: str, column_major: bool = False) -> Matrix:
        """An array whose content is undefined, in C order or column by column."""
        if column_major:
            turned: Matrix = self.take(name, shape[::-1], dtype).T
            return turned
        size = math.prod(shape)
        memory = self._memory.get((name, dtype))
        if memory is None or memory.size < size:
            self._memory.pop((name, dtype), None)  # gives the old memory back first
            memory = self._memory[name, dtype] = np.empty(size, dtype)
        return memory[:size].reshape(shape)
