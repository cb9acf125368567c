"""The Lanczos process with full reorthogonalisation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _elements
from ..polar import arguments
from .operator import Operator
from .sampling import MOST_PROBES, Hvp
from .vectors import Vector, dot, norm_in_range, stacked, times, transposed_times

# What is left of a product is rounding when it is below this many times epsilon sqrt(n) of it, the
# usual error of sums of n terms.
_NOISE = 8


class Tridiagonal(NamedTuple):
    """H restricted to a Krylov space: Q^T H Q = T for an orthonormal basis Q.

    diagonal : (k,), of T.
    off_diagonal : (k - 1,), beside it.
    residual : the norm of H Q - Q T, all of it in the last column; 0 where the space is invariant.
    basis : float64 (n, k), the columns of Q: the elements of all arrays of `like` one after the
        other; on the device of arrays there, else from NumPy.
    """

    diagonal: NDArray[np.float64]
    off_diagonal: NDArray[np.float64]
    residual: float
    basis: Any

    def eigen(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Eigenvalues of T, ascending (the Ritz values), and its eigenvectors as columns."""
        t = np.diag(self.diagonal) + np.diag(self.off_diagonal, 1) + np.diag(self.off_diagonal, -1)
        values, vectors = np.linalg.eigh(t)
        return values, vectors


class Process:
    """A Krylov space that grows by a product at a time."""

    def __init__(self, operator: Operator, start: Vector) -> None:
        self.operator = operator
        self._basis = [_elements.divided(start, norm_in_range(start))]
        self._diagonal: list[float] = []
        self._off_diagonal: list[float] = []

    @property
    def steps(self) -> int:
        return len(self._diagonal)

    @property
    def is_complete(self) -> bool:
        """Whether the space is invariant: nothing is left to be found from this start."""
        return len(self._basis) == self.steps

    def extend(self) -> None:
        """One product, made orthogonal to the basis twice ("twice is enough", Parlett)."""
        product = self.operator(self._basis[-1])
        size = norm_in_range(product)
        self._diagonal.append(dot(self._basis[-1], product))
        product = made_orthogonal(product, self._basis)
        rest = norm_in_range(product)
        lost = _NOISE * self.operator.epsilon * np.sqrt(self.operator.size) * size
        self._off_diagonal.append(rest)
        if rest > lost and self.steps < self.operator.size:
            self._basis.append(_elements.divided(product, rest))

    def result(self) -> Tridiagonal:
        return Tridiagonal(
            np.array(self._diagonal),
            np.array(self._off_diagonal[:-1]),
            self._off_diagonal[-1],
            stacked(self._basis[: self.steps]).T,
        )


def made_orthogonal(vector: Vector, basis: list[Vector]) -> Vector:
    """The vector without what it has in the space of orthonormal ones, taken out twice."""
    rows = stacked(basis)
    for _ in range(2):
        vector = vector - transposed_times(rows, times(rows, vector))
    return vector


def lanczos(
    hvp: Hvp, like: Any, steps: int = 32, seed: int = 0, *, symmetry_tolerance: float | None = None
) -> Tridiagonal:
    """`steps` steps of the Lanczos process for a symmetric operator from a random vector of signs.

    hvp, like, seed : as `hutchinson_trace` has them; float32 or float64. The process itself is in
        float64 where `like` is, and keeps all vectors: memory for `steps` of them.
    steps : at least 1; fewer are made where the Krylov space becomes invariant before.
    symmetry_tolerance : the operator is refused when u^T H v and v^T H u differ by more than this
        in units of |H u| + |H v|, for two random u and v (two products more); None: 16 times the
        square root of the dtype's epsilon.

    Returns a Tridiagonal. The bits depend on the sums of NumPy, so on the machine, or on a device
    on the products there.

    Source: Lanczos (1950); Paige (1972), Parlett (1980) for the reorthogonalisation.

    Raises as `hutchinson_trace` does, and ValueError for an operator that is not symmetric.
    """
    operator = Operator(hvp, like, seed)
    steps = arguments.count("steps", steps, 1, MOST_PROBES)
    operator.check_symmetry(tolerance_of(symmetry_tolerance))
    return run(operator, operator.probe(0), steps)


def run(operator: Operator, start: Vector, steps: int) -> Tridiagonal:
    """The process for an operator that is known to be symmetric."""
    process = Process(operator, start)
    while process.steps < steps and not process.is_complete:
        process.extend()
    return process.result()


def tolerance_of(given: float | None) -> float | None:
    """A tolerance as a number, or None for the default."""
    return None if given is None else arguments.at_least("symmetry_tolerance", given, 0.0)
