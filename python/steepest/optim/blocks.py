"""Blocks of rows that a parameter's direction is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def row_blocks(rows: int, split: Any, what: str) -> list[slice]:
    """The blocks of rows that are apart: all rows, `split` equal blocks (heads), or blocks of the
    sizes in `split` (fused projections).

    Raises TypeError or ValueError for a split that is none.
    """
    if split is None:
        return [slice(0, rows)]
    sizes = _equal(rows, split, what) if isinstance(split, int) else _sizes(split)
    if sum(sizes) != rows:
        raise ValueError(
            f"split: sizes {sizes} given, expected a sum of {rows}, the rows of {what}"
        )
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _equal(rows: int, count: int, what: str) -> list[int]:
    if isinstance(count, bool) or count < 1 or rows % count:
        raise ValueError(
            f"split: {count!r} given, expected a divisor of {rows}, the rows of {what}"
        )
    return [rows // count] * count


def _sizes(split: Any) -> list[int]:
    whole = isinstance(split, Sequence) and not isinstance(split, str)
    if not whole or not all(isinstance(size, int) and size > 0 for size in split):
        raise TypeError(f"split: {split!r} given, expected None, a number of blocks or their sizes")
    return list(split)
