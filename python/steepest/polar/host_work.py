"""The work between products in host memory, by NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from .work import Each, Numbers, Operator, Values, Vector, Work, working_dtype


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

    is_host = True

    def read(
        self, x: Any, name: str, shape: Sequence[int], dtype: str, *, double: bool = False
    ) -> Values:
        stored = _arrays.to_host(_arrays.view(x, name), name)
        values = np.empty(tuple(shape), working_dtype(dtype, double))
        if dtype == "bfloat16":  # its bits, the upper half of a float32
            stored = (stored.astype(np.uint32) << 16).view(np.float32)
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


HOST = Host()
