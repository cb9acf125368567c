"""The running statistics of a diagonal: one per element, or one per group of elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from .._arrays import Array
from ..polar import arguments
from .structure import Structure

AVERAGES = ("none", "block", "spatial")

Statistics = tuple[Array | None, Array | None, Array | None]  # mean, scatter, weight


def is_weighted(distribution: str, normalized: bool | None, average: str) -> bool:
    """Whether means are over sums of z * z."""
    arguments.one_of("average", average, AVERAGES)
    if normalized is not None:
        arguments.boolean("normalized", normalized)
    if normalized and average != "none":
        raise ValueError("normalized: True given, expected None or False with an average")
    wanted = average == "none" if normalized is None else normalized
    return wanted and isinstance(distribution, str) and distribution == "gaussian"


def read_groups(of: Structure, average: str, block: Any) -> list[int]:
    """Elements that share a mean, for each array."""
    if (block is not None) != (average == "block"):
        expected = "a number" if average == "block" else "None"
        raise ValueError(f"block: {block} given, expected {expected} with average={average!r}")
    if average == "none":
        return [1] * len(of.keys)
    if average == "spatial":
        return [max(1, math.prod(shape[2:])) for shape in of.shapes]
    each = list(block) if isinstance(block, (list, tuple)) else [block] * len(of.keys)
    if len(each) != len(of.keys):
        raise ValueError(f"block: {len(each)} numbers given, expected {len(of.keys)}")
    for i, (b, size) in enumerate(zip(each, of.sizes, strict=True)):
        if size % arguments.count("block", b, 1, 2**48):
            raise ValueError(
                f"block: {b} given, expected a divisor of the {size} elements of {of.label(i)}"
            )
    return each


def zeros(of: Structure, groups: Sequence[int], weighted: bool) -> list[Statistics]:
    """Zeros in NumPy: one per group, in the precision of the arithmetic."""

    def new(i: int) -> NDArray[Any]:
        dtype = np.float64 if of.dtypes[i] == "float64" else np.float32
        return np.zeros(of.sizes[i] // groups[i], dtype)

    count = range(len(of.keys))
    return [(new(i), new(i), new(i) if weighted else None) for i in count]


def stderr(of: Statistics, sample: int) -> NDArray[Any]:
    """The standard errors of the means; NaN after one sample."""
    mean, scatter, weight = of
    assert mean is not None and scatter is not None
    if sample < 2:
        return np.full_like(mean, np.nan)
    divisor = sample if weight is None else weight
    # An entry that every Gaussian probe missed has weight 0; it cannot happen to signs.
    with np.errstate(divide="ignore", invalid="ignore"):
        error: NDArray[Any] = np.sqrt(scatter / ((sample - 1) * divisor)).astype(mean.dtype)
    return error


def norms(
    statistics: Sequence[Statistics], groups: Sequence[int], sample: int
) -> tuple[float, float]:
    """2-norms of the errors and of the values of all entries."""

    def norm(parts: Sequence[NDArray[Any]]) -> float:
        squares = [
            g * float(np.sum(np.square(part, dtype=np.float64)))
            for part, g in zip(parts, groups, strict=True)
        ]
        return math.sqrt(math.fsum(squares))

    means = [s[0] for s in statistics if s[0] is not None]
    return norm([stderr(s, sample) for s in statistics]), norm(means)


def spread(values: Any, group: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """A value per group as an array of all elements."""
    spread: NDArray[Any] = np.repeat(values, group) if group != 1 else values
    return spread.reshape(shape)


def in_kind(values: Sequence[NDArray[Any]], of: Structure) -> list[Array]:
    """NumPy arrays as arrays of the caller's kinds."""
    made = []
    for value, like in zip(values, of.arrays, strict=True):
        torch = _arrays.torch_of(like)
        made.append(value if torch is None else torch.from_numpy(value))
    return made
