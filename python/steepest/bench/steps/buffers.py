"""The arrays of a case: memory that all implementations share, kept from case to case."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cases import Case, Shape
from .rules import GRADS, PARAMS

Array = NDArray[Any]
_BLOCK = 1 << 20  # values drawn per stream, then repeated
_OF_ROWS = ("row_var", "row_max", "output_factor")  # of the states of one value per row or column


@dataclass
class Buffers:
    """Each stream as one flat array and, on the same memory, as the list of the case's tensors."""

    flat: dict[str, Array]
    tensors: dict[str, list[Array]]

    def argument(self, stream: str) -> Array | list[Array]:
        """The stream as a user would pass it: an array, or a list when there are several."""
        tensors = self.tensors[stream]
        return tensors[0] if len(tensors) == 1 else tensors

    def states(self, case: Case) -> list[str]:
        """Names of the optimizer's states."""
        return [*case.facts.states, *case.facts.vectors]

    def fresh_grads(self) -> Array | list[Array]:
        """New array objects on the gradients' memory, like those that a backward pass returns."""
        tensors = [tensor.view() for tensor in self.tensors[GRADS]]
        return tensors[0] if len(tensors) == 1 else tensors


class Arena:
    """Memory in slots that grow to the largest request and start on a cache line."""

    def __init__(self) -> None:
        self._slots: list[Array] = []

    def take(self, slot: int, elements: int, dtype: np.dtype[Any]) -> Array:
        """A flat array of ``elements`` values in slot number ``slot``. Its content is undefined."""
        size = elements * dtype.itemsize
        while len(self._slots) <= slot:
            self._slots.append(np.empty(0, np.uint8))
        if self._slots[slot].size < size + 64:
            self._slots[slot] = np.empty(0, np.uint8)  # gives the old memory back first
            self._slots[slot] = np.empty(size + 64, np.uint8)
        memory = self._slots[slot]
        first = -memory.ctypes.data % 64
        return memory[first : first + size].view(dtype)


def allocate(case: Case, arena: Arena) -> Buffers:
    """Fills memory of ``arena`` for a case; the content depends on the stream's name only."""
    flat: dict[str, Array] = {}
    tensors: dict[str, list[Array]] = {}
    for slot, stream in enumerate(case.streams):
        flat[stream] = arena.take(slot, case.elements, numpy_dtype(case.dtype_of(stream)))
        _repeat(_values(stream, min(case.elements, _BLOCK)), flat[stream])
        tensors[stream] = split(flat[stream], case.shapes)
    for stream in () if case.rule == "grad_norm" else case.facts.vectors:
        tensors[stream] = [axis_state(stream, shape) for shape in case.shapes]
    return Buffers(flat, tensors)


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The dtype of that name; bfloat16 is that of ml_dtypes."""
    if name == "bfloat16":
        from ml_dtypes import bfloat16

        dtype: np.dtype[Any] = np.dtype(bfloat16)
        return dtype
    return np.dtype(name)


def _values(stream: str, n: int) -> Array:
    """Plausible content in the middle of training: gradients of 1e-2, moments to match."""
    rng = np.random.default_rng(sum(stream.encode()))
    x = rng.standard_normal(n)
    if stream == PARAMS:
        return 0.1 * x
    if stream in ("exp_avg_sq", "max_exp_avg_sq", "second_moment", "exp_hessian_diag_sq"):
        return (2e-4 if stream == "max_exp_avg_sq" else 1e-4) * (0.1 + x * x)
    if stream == "sum":
        return 1e-3 * (0.1 + x * x)
    if stream in ("exp_hessian_diag", "output_factor", "input_factor"):
        return 0.1 + x * x
    if stream in ("square_avg", "acc_delta"):
        return 1e-4 * (0.1 + x * x)
    if stream == "step_size":
        return 1e-3 * (0.1 + x * x)
    if stream == "exp_inf":
        return 1e-2 * (0.1 + np.abs(x))
    return 1e-2 * x


def axis_state(stream: str, shape: Shape) -> Array:
    """A state of one value per row or column of a matrix, the other axis kept with length 1, or of
    one per tensor."""
    if stream == "square_sum":
        return np.full([1] * len(shape), 1e-2, np.float32)
    *batch, rows, cols = shape
    kept = (*batch, rows, 1) if stream in _OF_ROWS else (*batch, 1, cols)
    averages = stream in ("row_var", "col_var", "row_max", "col_max")
    values = _values("exp_avg_sq" if averages else stream, math.prod(kept))
    return values.astype(np.float32).reshape(kept)


def _repeat(block: Array, out: Array) -> None:
    for first in range(0, out.size, block.size):
        part = out[first : first + block.size]
        part[...] = block[: part.size].astype(out.dtype)


def split(flat: Array, shapes: Sequence[Shape]) -> list[Array]:
    """Consecutive parts of a flat array in these shapes, on its memory."""
    tensors = []
    first = 0
    for shape in shapes:
        size = math.prod(shape)
        tensors.append(flat[first : first + size].reshape(shape))
        first += size
    return tensors
