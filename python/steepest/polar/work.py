"""What programs of products do with stacks of matrices between the products: in host memory by
NumPy, on a device by native passes.

Stacks are `values` (count, m, n) in float64 or float32, of NumPy or of the kind that the caller's
array on the device is of, in C order. Numbers of matrices, and what is found in each of them, are
NumPy arrays: to find something the device is waited for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Values = Any
Each = float | NDArray[np.float64]  # one for all matrices, or one for each
Numbers = NDArray[np.intp]
Vector = NDArray[np.float64]


class Operator(ABC):
    """A matrix in float64 as what it does to vectors in host memory."""

    shape: tuple[int, int]

    @abstractmethod
    def times(self, vector: Vector) -> Vector:
        """A v"""

    @abstractmethod
    def times_transposed(self, vector: Vector) -> Vector:
        """A^T v"""


class Work(ABC):
    """A place's way to do it. Results are new stacks."""

    is_host: ClassVar[bool] = False  # so that LAPACK can work on them

    @abstractmethod
    def read(
        self, x: Any, name: str, shape: Sequence[int], dtype: str, *, double: bool = False
    ) -> Values:
        """The caller's array, copied; with `double` in float64 whatever its dtype."""

    @abstractmethod
    def write(self, values: Values, out: Any, dtype: str) -> None:
        """To the caller's array of this dtype, rounded to nearest."""

    @abstractmethod
    def combined(
        self,
        x: Values,
        *,
        a: Each = 1.0,
        powers: NDArray[np.int32] | None = None,
        y: Values | None = None,
        b: float = 1.0,
        c: NDArray[np.float64] | None = None,
    ) -> Values:
        """a x 2^powers + b y + c I, matrix by matrix."""

    @abstractmethod
    def transposed(self, values: Values) -> Values: ...

    @abstractmethod
    def symmetrized(self, values: Values) -> Values:
        """The symmetric part; exactly symmetric."""

    @abstractmethod
    def zeros_like(self, values: Values) -> Values: ...

    @abstractmethod
    def take(self, values: Values, chosen: Numbers) -> Values:
        """Some of the matrices."""

    @abstractmethod
    def put(self, to: Values, at: Numbers, values: Values, chosen: Numbers) -> None:
        """to[at] = values[chosen]"""

    @abstractmethod
    def largest(self, values: Values) -> NDArray[np.float64]:
        """The largest magnitude in each matrix."""

    @abstractmethod
    def has_nonfinite(self, values: Values) -> NDArray[np.bool_]: ...

    @abstractmethod
    def are_symmetric(self, values: Values) -> NDArray[np.bool_]: ...

    @abstractmethod
    def inner(self, x: Values, y: Values) -> NDArray[np.float64]:
        """<x, y> of each pair, summed in float64."""

    @abstractmethod
    def to_host(self, values: Values, number: int) -> NDArray[Any]:
        """One of the matrices."""

    @abstractmethod
    def from_host(self, to: Values, number: int, matrix: NDArray[Any]) -> None: ...

    @abstractmethod
    def add_outer(self, to: Values, number: int, u: Vector, v: Vector) -> None:
        """u v^T added to one of the matrices, in float64 and rounded once."""

    @abstractmethod
    def operator(self, values: Values, number: int) -> Operator: ...

    def norms(self, values: Values) -> NDArray[np.float64]:
        """Frobenius norms of matrices whose squares are in range."""
        return np.sqrt(self.inner(values, values))

    def unit_scale(self, values: Values) -> tuple[Values, NDArray[np.int32]]:
        """(values / 2^k, k) for each matrix, its largest element in [1/2, 1): no square overflows,
        and none that matters vanishes. Zero stays zero."""
        exponents = np.frexp(self.largest(values))[1].astype(np.int32)
        return self.combined(values, powers=-exponents), exponents

    def copy(self, values: Values) -> Values:
        return self.combined(values)


def working_dtype(dtype: str, double: bool = False) -> str:
    """What a caller's dtype is worked on in."""
    return "float64" if double or dtype == "float64" else "float32"
