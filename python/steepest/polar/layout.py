"""Arrays of any number of dimensions as the matrices that oracles work on. Everything is a view."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _arrays


def memory_order(x: Any) -> list[int]:
    """The axes behind the first, from the outermost to the innermost in memory."""
    strides = x.stride() if _arrays.torch_of(x) is not None else x.strides
    return sorted(range(1, len(x.shape)), key=lambda axis: -abs(strides[axis]))


def is_row_major(x: Any) -> bool:
    """Whether the rows of a matrix lie one after the other."""
    row, column = x.stride() if _arrays.torch_of(x) is not None else x.strides
    return bool(abs(row) >= abs(column))


def as_matrix(x: Any, order: list[int] | None = None) -> Any | None:
    """The matrix (first axis, all others) of a convolution kernel (out, in, k...), or None where
    that is no view.

    The columns come in the order of memory, or of `order`: which order does not matter to the
    singular values, and the singular vectors follow it.
    """
    if len(x.shape) <= 2:
        return x
    moved = permuted(x, [0, *(memory_order(x) if order is None else order)])
    return _reshaped(moved, (int(x.shape[0]), math.prod(map(int, x.shape[1:]))))


def as_row(x: Any, order: list[int] | None = None) -> Any | None:
    """All elements as a matrix of one row, in the order of memory or of `order` (of all axes), or
    None where that is no view."""
    shape = (1, math.prod(map(int, x.shape)))
    return _reshaped(x if order is None else permuted(x, order), shape)


def permuted(x: Any, order: list[int]) -> Any:
    """The axes in another order."""
    return x.permute(*order) if _arrays.torch_of(x) is not None else x.transpose(order)


def _reshaped(x: Any, shape: tuple[int, int]) -> Any | None:
    if _arrays.torch_of(x) is not None:
        try:
            return x.view(shape)
        except RuntimeError:
            return None
    new = x.reshape(shape)
    module = _arrays.cupy_of(x) or np
    return new if new.size == 0 or module.may_share_memory(new, x) else None
