"""Arrays in and out of the functions of a matrix.

Inside these work on stacks (count, m, n) of their own, in float64 for float64 input and in float32
for all other, where the caller's array is; results go out in the caller's kind and dtype. Since the
input has been copied by then, an output may share memory with it in any way.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from .device_work import DEVICE
from .host_work import HOST
from .work import Values, Work


class Place:
    """Where a call works: in host memory, or on a device and a stream, on which the array's
    framework works inside `with`.

    Raises ValueError for a stream that goes with an array in host memory, and what reading does.
    """

    def __init__(self, x: Any, name: str, stream: Any = None) -> None:
        on_device, self._current = _core.work_place(x, name)
        self._stream = _core.work_place(x, name, stream)[1]
        self._name = name
        self._like = _arrays.view(x, name) if on_device else x
        self._context: Any = None
        self.work: Work = DEVICE if on_device else HOST

    def __enter__(self) -> Place:
        if self._has_own_stream():
            self._context = _arrays.on_stream(self._like, self._stream)
            self._context.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._context is not None:
            self._context.__exit__(kind, error, trace)

    def check(self, x: Any, name: str) -> None:
        """Raises ValueError for another array that is in another place."""
        _core.check_place(x, name, self._like, self._name)

    def new(self, dtype: str, shape: tuple[int, ...]) -> Any:
        """An array for the caller: from the stream on which the caller works."""
        like = _arrays.view(self._like)
        if not self._has_own_stream():
            return _arrays.zeros(like, dtype, shape)
        with _arrays.on_stream(like, self._current):
            made = _arrays.zeros(like, dtype, shape)
            _core.work_place(made, "out", self._stream)  # which comes after the zeros
        return made

    def _has_own_stream(self) -> bool:
        return bool(self._stream != self._current)


class Stack(NamedTuple):
    """A caller's array as `values` (count, m, n), a copy, and what results need to look like.
    `numbers` are the matrices' positions in the caller's stack. `place` is None for what stays in
    host memory."""

    values: Values
    numbers: NDArray[np.intp]
    lead: tuple[int, ...]
    dtype: str
    source: Any
    name: str
    place: Place | None = None

    @property
    def work(self) -> Work:
        return HOST if self.place is None else self.place.work

    @property
    def shape(self) -> tuple[int, int]:
        """Of each matrix."""
        _, m, n = map(int, self.values.shape)
        return m, n

    def take(self, chosen: NDArray[np.bool_]) -> Stack:
        """Some of the matrices, for work inside."""
        values = self.work.take(self.values, np.flatnonzero(chosen))
        return self._replace(values=values, numbers=self.numbers[chosen])

    def at(self, index: int) -> str:
        """How a message names a matrix: "A" or "A[1, 2]"."""
        if not self.lead:
            return self.name
        at = np.unravel_index(self.numbers[index], self.lead)
        return f"{self.name}[{', '.join(str(int(i)) for i in at)}]"


def read(x: Any, name: str, place: Place | None = None, *, double: bool = False) -> Stack:
    """An array in this place; None: in host memory. With `double` in float64 whatever its dtype.

    Raises TypeError (kind, dtype), ValueError (fewer than two dimensions, NaN or infinity),
    DeviceError.
    """
    shape, dtype = _core.array_facts(x, name, -1, place is not None)
    work = HOST if place is None else place.work
    values = work.read(x, name, shape, dtype, double=double)
    numbers = np.arange(int(values.shape[0]))
    stack = Stack(values, numbers, tuple(shape[:-2]), dtype, x, name, place)
    wrong = stack.work.has_nonfinite(values)
    if wrong.any():
        where = stack.at(int(np.argmax(wrong)))
        raise ValueError(f"{where}: NaN or infinity given, expected finite numbers")
    return stack


def check_output(out: Any, name: str, stack: Stack, matrix: tuple[int, int]) -> None:
    """Raises what orthogonalize does for an `out` that cannot receive matrices of this shape."""
    if out is not None:
        _core.check_result(out, name, stack.source, stack.name, (*stack.lead, *matrix))


def write(values: Values, stack: Stack, out: Any = None) -> Any:
    """`values` (count, ...), rounded to nearest, in `out` or a new array of the caller's kind."""
    shape = (*stack.lead, *map(int, values.shape[1:]))
    if out is None:
        if stack.place is None:
            out = _arrays.zeros(_arrays.view(stack.source, stack.name), stack.dtype, shape)
        else:
            out = stack.place.new(stack.dtype, shape)
    stack.work.write(values, out, stack.dtype)
    return out


def per_matrix(values: NDArray[np.float64], stack: Stack) -> Any:
    """One number per matrix: a float for a single matrix, else an array of the leading
    dimensions."""
    return values.reshape(stack.lead) if stack.lead else float(values[0])


def unit_scale(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """As of `Work`, in host memory."""
    return HOST.unit_scale(values)


def roundoff(values: Values) -> float:
    """Half the distance from 1 to the next larger number."""
    return float(np.finfo(_arrays.dtype_name(values)).eps) / 2
