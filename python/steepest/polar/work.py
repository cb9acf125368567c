"""What programs of products do with stacks of matrices between the products: in host memory by
NumPy, on a device by native passes.

Stacks are `values` (count, m, n) in float64 or float32, of NumPy or of the kind that the caller's
array on the device is of, in C order. Numbers of matrices, and what is found in each of them, are
NumPy arrays: to find something the device is waited for.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from .products import multiply

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

    @abstractmethod
    def read(self, x: Any, name: str, shape: Sequence[int], dtype: str) -> Values:
        """The caller's array, copied."""

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


def working_dtype(dtype: str) -> str:
    """What a caller's dtype is worked on in."""
    return "float64" if dtype == "float64" else "float32"


class _HostOperator(Operator):
    def __init__(self, matrix: NDArray[np.float64]) -> None:
        self._matrix = matrix
        self.shape = matrix.shape

    def times(self, vector: Vector) -> Vector:
        return np.asarray(self._matrix @ vector)

    def times_transposed(self, vector: Vector) -> Vector:
        return np.asarray(self._matrix.T @ vector)


class Host(Work):
    """NumPy."""

    def read(self, x: Any, name: str, shape: Sequence[int], dtype: str) -> Values:
        stored = _arrays.to_host(_arrays.view(x, name), name)
        values = np.empty(tuple(shape), working_dtype(dtype))
        if dtype == "bfloat16":  # its bits, the upper half of a float32
            values.view(np.uint32)[...] = stored.astype(np.uint32) << 16
        else:
            values[...] = stored
        return values.reshape(math.prod(shape[:-2]), *shape[-2:])

    def write(self, values: Values, out: Any, dtype: str) -> None:
        target = _arrays.as_numpy(out)
        values = values.reshape(target.shape)
        bits = _bfloat16_bits(values) if dtype == "bfloat16" else values
        with np.errstate(over="ignore", under="ignore"):
            target[...] = bits

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
        with np.errstate(over="ignore", under="ignore"):
            factor = a if isinstance(a, float) else a[:, None, None]
            result = x if factor is a and a == 1.0 else factor * x
            if powers is not None:
                result = np.ldexp(result, powers[:, None, None])
            if y is not None:
                result = result + b * y
            if c is not None:
                identity = c[:, None, None] * np.eye(x.shape[1])
                result = result + identity.astype(x.dtype)
            return x.copy() if result is x else np.asarray(result, x.dtype)

    def transposed(self, values: Values) -> Values:
        return np.ascontiguousarray(values.swapaxes(-1, -2))

    def symmetrized(self, values: Values) -> Values:
        return np.asarray((values + values.swapaxes(-1, -2)) / 2, values.dtype)

    def zeros_like(self, values: Values) -> Values:
        return np.zeros_like(values)

    def take(self, values: Values, chosen: Numbers) -> Values:
        return values[chosen]

    def put(self, to: Values, at: Numbers, values: Values, chosen: Numbers) -> None:
        to[at] = values[chosen]

    def largest(self, values: Values) -> NDArray[np.float64]:
        return np.asarray(np.abs(values).max(axis=(1, 2), initial=0.0), np.float64)

    def has_nonfinite(self, values: Values) -> NDArray[np.bool_]:
        return np.asarray(~np.isfinite(values).all(axis=(1, 2)))

    def are_symmetric(self, values: Values) -> NDArray[np.bool_]:
        return np.asarray((values == values.swapaxes(1, 2)).all(axis=(1, 2)))

    def inner(self, x: Values, y: Values) -> NDArray[np.float64]:
        return np.asarray(np.einsum("kij,kij->k", x.astype(np.float64), y.astype(np.float64)))

    def norms(self, values: Values) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(values.astype(np.float64), axis=(1, 2)))

    def to_host(self, values: Values, number: int) -> NDArray[Any]:
        return np.asarray(values[number])

    def from_host(self, to: Values, number: int, matrix: NDArray[Any]) -> None:
        to[number] = matrix

    def add_outer(self, to: Values, number: int, u: Vector, v: Vector) -> None:
        to[number] += np.outer(u, v)

    def operator(self, values: Values, number: int) -> Operator:
        return _HostOperator(values[number].astype(np.float64))


def _bfloat16_bits(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Of the nearest bfloat16 numbers, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + (np.uint32(0x7FFF) + ((bits >> 16) & 1))) >> 16
    quiet = (bits >> 16) | 0x40
    return np.where(np.isnan(values), quiet, rounded).astype(np.uint16)


_PLAIN = np.array([[1.0, 0, 0, 0, 0]])  # one times the first stack
_LARGEST, _PRODUCT, _UNEQUAL, _NONFINITE = range(4)


def _all(values: Values) -> tuple[Any, bool, None]:
    return values, False, None


def _some(values: Values, numbers: Numbers) -> tuple[Any, bool, list[int]]:
    return values, False, numbers.tolist()


class _DeviceOperator(Operator):
    """Only vectors go to the device and back."""

    def __init__(self, matrix: Values) -> None:
        self._matrix = matrix
        self.shape = (int(matrix.shape[1]), int(matrix.shape[2]))

    def times(self, vector: Vector) -> Vector:
        return self._back(multiply(self._matrix, self._there(vector, (1, len(vector), 1))))

    def times_transposed(self, vector: Vector) -> Vector:
        return self._back(multiply(self._there(vector, (1, 1, len(vector))), self._matrix))

    def _there(self, vector: Vector, shape: tuple[int, int, int]) -> Values:
        made = _arrays.zeros(self._matrix, "float64", shape)
        _arrays.assign(made, vector.reshape(shape))
        return made

    @staticmethod
    def _back(product: Values) -> Vector:
        return np.asarray(_arrays.to_host(product)).reshape(-1)


class Device(Work):
    """Native passes on the stream that the array's framework works on."""

    def read(self, x: Any, name: str, shape: Sequence[int], dtype: str) -> Values:
        view = _arrays.view(x, name)
        stack = (math.prod(shape[:-2]), *shape[-2:])
        values = _arrays.zeros(view, working_dtype(dtype), stack)
        _core.combine(_all(values), _all(view), None, _PLAIN)
        return values

    def write(self, values: Values, out: Any, dtype: str) -> None:
        _core.combine(_all(out), _all(values), None, _PLAIN)

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
        coefficients = np.zeros((x.shape[0], 5))
        coefficients[:, 0] = a
        coefficients[:, 2] = b
        if powers is not None:
            coefficients[:, 1] = powers
        if c is not None:
            coefficients[:, 4] = c
        made = self.zeros_like(x)
        _core.combine(_all(made), _all(x), None if y is None else _all(y), coefficients)
        return made

    def transposed(self, values: Values) -> Values:
        count, m, n = map(int, values.shape)
        made = self._zeros(values, (count, n, m))
        _core.combine(_all(made), (values, True, None), None, _PLAIN)
        return made

    def symmetrized(self, values: Values) -> Values:
        made = self.zeros_like(values)
        halves = np.array([[0.5, 0, 0.5, 0, 0]])
        _core.combine(_all(made), _all(values), (values, True, None), halves)
        return made

    def zeros_like(self, values: Values) -> Values:
        return self._zeros(values, tuple(map(int, values.shape)))

    def take(self, values: Values, chosen: Numbers) -> Values:
        _, m, n = map(int, values.shape)
        made = self._zeros(values, (len(chosen), m, n))
        _core.combine(_all(made), _some(values, chosen), None, _PLAIN)
        return made

    def put(self, to: Values, at: Numbers, values: Values, chosen: Numbers) -> None:
        _core.combine(_some(to, at), _some(values, chosen), None, _PLAIN)

    def largest(self, values: Values) -> NDArray[np.float64]:
        return _core.compare(_all(values))[:, _LARGEST]

    def has_nonfinite(self, values: Values) -> NDArray[np.bool_]:
        return np.asarray(_core.compare(_all(values))[:, _NONFINITE] > 0)

    def are_symmetric(self, values: Values) -> NDArray[np.bool_]:
        return np.asarray(_core.compare(_all(values), (values, True, None))[:, _UNEQUAL] == 0)

    def inner(self, x: Values, y: Values) -> NDArray[np.float64]:
        return _core.compare(_all(x), _all(y))[:, _PRODUCT]

    def to_host(self, values: Values, number: int) -> NDArray[Any]:
        return np.asarray(_arrays.to_host(self.take(values, np.array([number])))[0])

    def from_host(self, to: Values, number: int, matrix: NDArray[Any]) -> None:
        there = self._zeros(to, (1, *matrix.shape))
        _arrays.assign(there, np.ascontiguousarray(matrix)[None])
        self.put(to, np.array([number]), there, np.array([0]))

    def add_outer(self, to: Values, number: int, u: Vector, v: Vector) -> None:
        sums = self._doubles(to, number)
        columns = _arrays.zeros(to, "float64", (1, len(u), 1))
        rows = _arrays.zeros(to, "float64", (1, 1, len(v)))
        _arrays.assign(columns, u.reshape(1, -1, 1))
        _arrays.assign(rows, v.reshape(1, 1, -1))
        multiply(columns, rows, sums, out=sums)
        self.put(to, np.array([number]), sums, np.array([0]))

    def operator(self, values: Values, number: int) -> Operator:
        return _DeviceOperator(self._doubles(values, number))

    def _doubles(self, values: Values, number: int) -> Values:
        """One of the matrices in float64, as a stack."""
        _, m, n = map(int, values.shape)
        made = _arrays.zeros(values, "float64", (1, m, n))
        _core.combine(_all(made), _some(values, np.array([number])), None, _PLAIN)
        return made

    @staticmethod
    def _zeros(like: Values, shape: tuple[int, ...]) -> Values:
        return _arrays.zeros(like, _arrays.dtype_name(like), shape)


HOST, DEVICE = Host(), Device()
