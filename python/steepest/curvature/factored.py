"""(A^T A + mu I) x = g by a Cholesky factorisation in the smaller of two spaces."""

from __future__ import annotations

import numpy as np

from .. import _arrays, _elements
from .rows import Matrix, Rows
from .solutions import NotPositiveDefiniteError
from .vectors import Vector, norm

SIDES = ("auto", "samples", "parameters")
_BLOCK = 64  # rows of a triangle that are solved at a time
_CORRECTIONS = 6  # one or two matter; the others are for systems that are nearly singular


class Factored:
    """A^T A + mu I, factored as it is or, by Woodbury's identity, through A A^T + mu I.

    Of rows on a device that matrix comes to the host, and vectors of its size at each solve.

    Right sides are A^T u + g. With s = u - A x the system is that of Bjorck (1967),

        s + A x = u,   A^T s - mu x = -g,

    whose two residuals correct x and s together. So what the identity loses by its difference, and
    the small matrix by its condition, comes back: corrections go on as long as they halve the
    residual of x, which is computed without s.
    """

    def __init__(self, rows: Rows, mu: float, side: str) -> None:
        if side == "auto":
            side = "samples" if rows.samples < rows.size else "parameters"
        self.rows, self.mu, self.side = rows, mu, side
        in_samples = side == "samples"
        matrix = rows.gram_of_samples(mu) if in_samples else rows.gram_of_columns(mu)
        self._triangle = _cholesky(_arrays.to_host(matrix))

    def solve(self, u: Vector | float = 0.0, g: Vector | float = 0.0) -> tuple[Vector, float]:
        """x with (A^T A + mu I) x = A^T u + g, and the norm of its residual."""
        zeros = self.rows.zeros
        right = (zeros(self.rows.samples) + u, zeros(self.rows.size) + g)
        x, s = zeros(self.rows.size), zeros(self.rows.samples)
        ax = s  # A x
        rest = self._residual(x, ax, right)
        for _ in range(1 + _CORRECTIONS):
            before = norm(rest)
            other, s = self._corrected(x, ax, s, rest, right)
            moved = self.rows.times(other)
            less = self._residual(other, moved, right)
            if norm(less) < before:
                x, ax, rest = other, moved, less
            if not norm(less) <= before / 2:
                break
        return x, norm(rest)

    def _residual(self, x: Vector, ax: Vector, right: tuple[Vector, Vector]) -> Vector:
        """Of x alone: A^T (u - A x) + g - mu x."""
        u, g = right
        return self.rows.transposed_times(u - ax) + (g - self.mu * x)

    def _corrected(
        self, x: Vector, ax: Vector, s: Vector, rest: Vector, right: tuple[Vector, Vector]
    ) -> tuple[Vector, Vector]:
        """x and s after a correction; on the side of parameters s is of no use."""
        if self.side == "parameters":
            return x + self._inverse(rest), s
        u, g = right
        first = u - s - ax
        second = self.mu * x - self.rows.transposed_times(s) - g
        more = self._inverse(self.mu * first + self.rows.times(second))
        return x + (self.rows.transposed_times(more) - second) / self.mu, s + more

    def _inverse(self, b: Vector) -> Vector:
        found = _back(self._triangle, _forward(self._triangle, _arrays.to_host(b)))
        return _elements.beside(found, b)


def _cholesky(matrix: Matrix) -> Matrix:
    if not np.isfinite(matrix).all():
        raise ValueError(
            "rows: elements given whose products are beyond the range of float64, expected smaller "
            "gradients or derivatives"
        )
    try:
        return np.asarray(np.linalg.cholesky(matrix), np.float64)
    except np.linalg.LinAlgError:
        raise NotPositiveDefiniteError(
            f"damping: too small beside rounding of a matrix of trace {np.trace(matrix):.3g} given "
            "(its factorisation has failed), expected more, or conjugate_gradient instead"
        ) from None


def _forward(triangle: Matrix, b: Vector) -> Vector:
    """L^-1 b by blocks."""
    x: Vector = b.copy()
    for start in range(0, len(b), _BLOCK):
        now = slice(start, start + _BLOCK)
        x[now] = np.linalg.solve(triangle[now, now], x[now] - triangle[now, :start] @ x[:start])
    return x


def _back(triangle: Matrix, b: Vector) -> Vector:
    """L^-T b by blocks."""
    x: Vector = b.copy()
    for start in reversed(range(0, len(b), _BLOCK)):
        now, end = slice(start, start + _BLOCK), start + _BLOCK
        x[now] = np.linalg.solve(triangle[now, now].T, x[now] - triangle[end:, now].T @ x[end:])
    return x
