"""The work between products on a device, by native passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from .products import multiply
from .work import Each, Numbers, Operator, Values, Vector, Work, working_dtype

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

    def read(
        self, x: Any, name: str, shape: Sequence[int], dtype: str, *, double: bool = False
    ) -> Values:
        view = _arrays.view(x, name)
        stack = (math.prod(shape[:-2]), *shape[-2:])
        values = _arrays.zeros(view, working_dtype(dtype, double), stack)
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
        if int(values.shape[0]) == 1 and _arrays.dtype_name(values) == "float64":
            return _DeviceOperator(values)
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


DEVICE = Device()
