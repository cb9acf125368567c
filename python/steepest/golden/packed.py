"""Several arrays laid out in one buffer of bytes, so that one transfer takes them to a device and
one brings them back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray

ALIGNMENT = 16  # of the widest accesses
GUARD_BYTES = 64
GUARD = 0xA5


class Packed:
    """Where each of some NumPy arrays lies in a buffer.

    An array keeps its strides, and its address modulo 16, so that what is misaligned here is so
    there. Between the arrays are guards that no step may write to.
    """

    def __init__(self, arrays: Iterable[Array]) -> None:
        self.arrays = list({id(array): array for array in arrays}.values())
        self.offsets: dict[int, int] = {}  # by id
        end = GUARD_BYTES
        for array in self.arrays:
            _check_dense(array)
            start = _up(end) + array.ctypes.data % ALIGNMENT
            self.offsets[id(array)] = start
            end = start + array.nbytes + GUARD_BYTES
        self._sent = np.full(_up(end), GUARD, np.uint8)
        for array in self.arrays:
            self._bits(array, self._sent)[...] = array.view(_bits_of(array))

    @property
    def bytes(self) -> Array:
        """The buffer as it is to be before the call."""
        return self._sent

    def unpack(self, buffer: Array) -> None:
        """Writes the arrays that have changed. Raises AssertionError where a guard has."""
        guards = np.ones(buffer.size, np.bool_)
        for array in self.arrays:
            start = self.offsets[id(array)]
            guards[start : start + array.nbytes] = False
        hit = np.flatnonzero(guards & (buffer != GUARD))
        assert hit.size == 0, f"written outside of the arrays: {self._place(int(hit[0]))}"
        for array in self.arrays:
            bits = self._bits(array, buffer)
            if not np.array_equal(bits, self._bits(array, self._sent)):
                array.view(_bits_of(array))[...] = bits

    def _bits(self, array: Array, buffer: Array) -> Array:
        start = self.offsets[id(array)]
        bits: Array = np.ndarray(array.shape, _bits_of(array), buffer, start, array.strides)
        return bits

    def _place(self, byte: int) -> str:
        starts = [(start, i) for i, start in enumerate(self.offsets.values()) if start <= byte]
        if not starts:
            return f"byte {byte} before the first"
        start, i = max(starts)
        array = self.arrays[i]
        return f"{byte - start - array.nbytes} bytes after array {i}, {array.dtype}{array.shape}"


def _up(offset: int) -> int:
    return (offset + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def _bits_of(array: Array) -> str:
    return f"u{array.dtype.itemsize}"


def _check_dense(array: Array) -> None:
    steps = zip(array.shape, array.strides, strict=True)
    span = sum((n - 1) * stride for n, stride in steps) + array.dtype.itemsize
    if array.size and (span != array.nbytes or min(array.strides, default=0) < 0):
        raise ValueError(f"strides {array.strides} of shape {array.shape}: expected a dense array")
