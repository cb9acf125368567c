"""The running statistics of a diagonal: one per element, or one per group of elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _arrays
from .._arrays import Array
from .._elements import current, numpy_of
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
    """Zeros, one per group, in the precision of the arithmetic: in NumPy, on a device in kind."""

    def new(i: int) -> Array:
        dtype = "float64" if of.dtypes[i] == "float64" else "float32"
        count = of.sizes[i] // groups[i]
        if _arrays.device_of(of.arrays[i]) is None:
            return np.zeros(count, dtype)
        return _arrays.zeros(of.arrays[i], dtype, (count,))

    count = range(len(of.keys))
    return [(new(i), new(i), new(i) if weighted else None) for i in count]


def stderr(of: Statistics, sample: int) -> Array:
    """The standard errors of the means, of their kind; NaN after one sample."""
    mean, scatter, weight = of
    assert mean is not None and scatter is not None
    if sample < 2:
        error = _arrays.zeros(mean, _arrays.dtype_name(mean))
        _arrays.fill(error, math.nan)
        return error
    torch = _arrays.torch_of(mean)
    if torch is not None:
        # A number on the host would be divided by as a product with its reciprocal.
        divisor = torch.tensor(sample, dtype=mean.dtype, device=mean.device)
        return torch.sqrt(scatter / ((sample - 1) * (divisor if weight is None else weight)))
    with current(mean), np.errstate(divide="ignore", invalid="ignore"):
        # An entry that every Gaussian probe missed has weight 0; it cannot happen to signs.
        divided = scatter / ((sample - 1) * (sample if weight is None else weight))
        return numpy_of(mean).sqrt(divided).astype(mean.dtype)


def norms(
    statistics: Sequence[Statistics], groups: Sequence[int], sample: int
) -> tuple[float, float]:
    """2-norms of the errors and of the values of all entries."""

    def norm(parts: Sequence[Array]) -> float:
        squares = [g * _sum_of_squares(part) for part, g in zip(parts, groups, strict=True)]
        return math.sqrt(math.fsum(squares))

    means = [s[0] for s in statistics if s[0] is not None]
    return norm([stderr(s, sample) for s in statistics]), norm(means)


def _sum_of_squares(x: Array) -> float:
    """In double. On a device not to the last bit what it is on the host."""
    if _arrays.torch_of(x) is not None:
        return float(x.double().square().sum())
    with current(x):
        xp = numpy_of(x)
        return float(xp.sum(xp.square(x, dtype=np.float64)))


def spread(values: Array, group: int, shape: tuple[int, ...]) -> Array:
    """A value per group as an array of all elements."""
    if group == 1:
        return values.reshape(shape)
    torch = _arrays.torch_of(values)
    if torch is not None:
        return torch.repeat_interleave(values, group).reshape(shape)
    with current(values):
        return numpy_of(values).repeat(values, group).reshape(shape)


def in_kind(values: Sequence[Array], of: Structure) -> list[Array]:
    """NumPy arrays as arrays of the caller's kinds; those on a device are of it already."""
    made = []
    for value, like in zip(values, of.arrays, strict=True):
        torch = _arrays.torch_of(like)
        on_host = torch is not None and isinstance(value, np.ndarray)
        made.append(torch.from_numpy(value) if torch is not None and on_host else value)
    return made
