"""The `bound` of orthogonalize: one number for all matrices, for each array, or for each matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import arguments

Shape = tuple[int, ...]


def bounds_of(
    bound: Any, is_wanted: bool, shapes: list[Shape], is_list: bool
) -> list[Sequence[float]]:
    """The bounds of each array: one for all its matrices, or one for each in C order. 1 where none
    is wanted.

    bound : a number, or an array of the leading dimensions of the only array; for a list also a
        sequence (or 1-d array) with one of these per array.

    Raises TypeError and ValueError.
    """
    if not is_wanted:
        if bound is not None:
            raise ValueError("bound: a number given, expected None unless normalization='bound'")
        return [[1.0]] * len(shapes)
    if not is_list:
        return [_of_array("bound", bound, shapes[0][:-2])]
    if isinstance(bound, (list, tuple)) or (_is_stack(bound) and bound.ndim == 1):
        return _of_each(list(bound), shapes)
    return [_of_array("bound", bound, shape[:-2]) for shape in shapes]


def _of_each(bounds: list[Any], shapes: list[Shape]) -> list[Sequence[float]]:
    if len(bounds) != len(shapes):
        raise ValueError(
            f"bound: {len(bounds)} numbers given, expected one per array, {len(shapes)}"
        )
    pairs = enumerate(zip(bounds, shapes, strict=True))
    return [_of_array(f"bound[{i}]", bound, shape[:-2]) for i, (bound, shape) in pairs]


def _is_stack(bound: Any) -> bool:
    return isinstance(bound, np.ndarray) and bound.ndim > 0


def _of_array(name: str, bound: Any, lead: Shape) -> Sequence[float]:
    if not _is_stack(bound):
        return [arguments.between(name, bound, 0.0, np.inf)]
    if bound.dtype.kind not in "iuf":
        raise TypeError(f"{name}: array of {bound.dtype} given, expected one of real numbers")
    if bound.shape != lead:
        raise ValueError(
            f"{name}: array of shape {bound.shape} given, expected a number or the leading "
            f"dimensions, {lead}"
        )
    flat: list[float] = bound.astype(np.float64).ravel().tolist()
    return [arguments.between(name, b, 0.0, np.inf) for b in flat]
