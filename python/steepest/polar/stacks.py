"""Arrays in and out of the functions of a matrix.

Inside these work on NumPy stacks (count, m, n) of their own, in float64 for float64 input and in
float32 for all other; results go out in the caller's kind and dtype. Since the input has been
copied by then, an output may share memory with it in any way.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core

Values = NDArray[Any]  # float64 or float32


class Stack(NamedTuple):
    """A caller's array as `values` (count, m, n), a copy, and what results need to look like.
    `numbers` are the matrices' positions in the caller's stack."""

    values: Values
    numbers: NDArray[np.intp]
    lead: tuple[int, ...]
    dtype: str
    source: Any
    name: str

    def take(self, chosen: NDArray[np.bool_]) -> Stack:
        """Some of the matrices, for work inside."""
        return self._replace(values=self.values[chosen], numbers=self.numbers[chosen])

    def place(self, index: int) -> str:
        """How a message names a matrix: "A" or "A[1, 2]"."""
        if not self.lead:
            return self.name
        at = np.unravel_index(self.numbers[index], self.lead)
        return f"{self.name}[{', '.join(str(int(i)) for i in at)}]"


def read(x: Any, name: str) -> Stack:
    """Raises TypeError (kind, dtype), ValueError (fewer than two dimensions, NaN or infinity),
    DeviceError."""
    shape, dtype = _core.array_facts(x, name, -1)
    stored = _arrays.as_numpy(x, name)
    values = np.empty(shape, np.float64 if dtype == "float64" else np.float32)
    if values.dtype == np.float32:
        _arrays.float32_copy(_stored_view(x, stored, dtype), values)
    else:
        values[...] = stored
    values = values.reshape(math.prod(shape[:-2]), *shape[-2:])
    stack = Stack(values, np.arange(len(values)), shape[:-2], dtype, x, name)
    _check_finite(stack)
    return stack


def _stored_view(x: Any, stored: Values, dtype: str) -> Any:
    return _arrays.view(x) if dtype == "bfloat16" else stored


def _check_finite(stack: Stack) -> None:
    wrong = ~np.isfinite(stack.values).all(axis=(1, 2))
    if wrong.any():
        where = stack.place(int(np.argmax(wrong)))
        raise ValueError(f"{where}: NaN or infinity given, expected finite numbers")


def check_output(out: Any, name: str, stack: Stack, matrix: tuple[int, int]) -> None:
    """Raises what orthogonalize does for an `out` that cannot receive matrices of this shape."""
    if out is not None:
        _core.check_result(out, name, stack.source, stack.name, (*stack.lead, *matrix))


def write(values: Values, stack: Stack, out: Any = None) -> Any:
    """`values` (count, ...), rounded to nearest, in `out` or a new array of the caller's kind."""
    shape = (*stack.lead, *values.shape[1:])
    if out is None:
        out = _arrays.zeros(_arrays.view(stack.source, stack.name), stack.dtype, shape)
    values = values.reshape(shape)
    bits = _bfloat16_bits(values) if stack.dtype == "bfloat16" else values
    with np.errstate(over="ignore", under="ignore"):
        _arrays.as_numpy(out)[...] = bits
    return out


def _bfloat16_bits(values: Values) -> Values:
    """Of the nearest bfloat16 numbers, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + (np.uint32(0x7FFF) + ((bits >> 16) & 1))) >> 16
    quiet = (bits >> 16) | 0x40
    return np.where(np.isnan(values), quiet, rounded).astype(np.uint16)


def per_matrix(values: NDArray[np.float64], stack: Stack) -> Any:
    """One number per matrix: a float for a single matrix, else an array of the leading
    dimensions."""
    return values.reshape(stack.lead) if stack.lead else float(values[0])


def unit_scale(values: Values) -> tuple[Values, NDArray[np.int32]]:
    """(values / 2^k, k) for each matrix, its largest element in [1/2, 1): no square overflows, and
    none that matters vanishes. Zero stays zero."""
    largest = np.abs(values).max(axis=(1, 2), initial=0.0)
    exponents = np.frexp(largest)[1].astype(np.int32)
    return np.ldexp(values, -exponents[:, None, None]), exponents


def rescale(values: Values, exponents: NDArray[np.int32]) -> Values:
    """values 2^k for each matrix."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.ldexp(values, exponents[:, None, None]), values.dtype)


def transposed(values: Values) -> Values:
    return np.ascontiguousarray(values.swapaxes(-1, -2))


def symmetrized(values: Values) -> Values:
    """The symmetric part; exactly symmetric."""
    return np.asarray((values + values.swapaxes(-1, -2)) / 2, values.dtype)


def roundoff(values: Values) -> float:
    """Half the distance from 1 to the next larger number."""
    return float(np.finfo(values.dtype).eps) / 2
