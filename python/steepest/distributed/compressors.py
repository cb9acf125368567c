"""Contractive compressors: what is left of a vector, and the bytes that say so.

A compressor C with contraction alpha in (0, 1] has |C(x) - x|^2 <= (1 - alpha) |x|^2. Each of these
works on one flat float32 or float64 array at a time; `ef21` puts the parts of a list together.
All integers are little-endian, and floats have the dtype of the array.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..curvature.probes import gaussian
from ..polar import arguments
from .lists import Message

Values = NDArray[Any]

_INDEX = np.dtype("<u4")
_MOST_ELEMENTS = 2**32


class Draw(NamedTuple):
    """Coordinates of what is chosen at random."""

    step: int
    worker: int
    tensor: int


class Compressor(Protocol):
    """What EF21 needs of a compressor of arrays of float32 or float64."""

    def size(self, count: int, itemsize: int) -> int:
        """Bytes that an array of that many elements takes."""

    def alpha(self, count: int) -> float:
        """The contraction that holds for every array of that many elements."""

    def compress(self, x: Values, draw: Draw, to: Message) -> Values:
        """Writes the bytes of C(x), and returns C(x) as `add` will add it."""

    def add(self, message: Message, draw: Draw, to: Values, weight: float) -> None:
        """Adds weight C(x) to an array."""


@dataclass(frozen=True)
class _Sparse:
    """Keeps k elements: a number of them, or a share of each array, rounded up.

    Arrays of fewer elements are kept whole.
    """

    k: float

    def __post_init__(self) -> None:
        if isinstance(self.k, float):
            arguments.between("k", self.k, 0.0, 1.0)
        else:
            arguments.count("k", self.k, 1, _MOST_ELEMENTS)

    def kept(self, count: int) -> int:
        """Elements that are kept of that many."""
        k = math.ceil(self.k * count) if isinstance(self.k, float) else int(self.k)
        return min(k, count)

    def alpha(self, count: int) -> float:
        return self.kept(count) / count if count else 1.0


@dataclass(frozen=True)
class TopK(_Sparse):
    """Keeps the k elements of largest magnitude; of equal ones those of lower index.

    k : a number of elements, or a float in (0, 1): the share of each array, rounded up.

    alpha = k / n for arrays of n elements. Bytes: the kept values in the order of their indices,
    then these as uint32. A NaN counts as larger than any number, so none is hidden.

    Source: Richtárik, Sokolov and Fatkhullin, arXiv 2106.05203. Raises TypeError and ValueError for
    another k.
    """

    def size(self, count: int, itemsize: int) -> int:
        return self.kept(count) * (itemsize + _INDEX.itemsize)

    def compress(self, x: Values, draw: Draw, to: Message) -> Values:
        chosen = largest(np.abs(x), self.kept(x.size))
        values = np.ascontiguousarray(x[chosen])
        to[: values.nbytes] = values.view(np.uint8)
        to[values.nbytes :] = chosen.astype(_INDEX).view(np.uint8)
        sent = np.zeros_like(x)
        sent[chosen] = values
        return sent

    def add(self, message: Message, draw: Draw, to: Values, weight: float) -> None:
        k = self.kept(to.size)
        values = message[: k * to.itemsize].copy().view(to.dtype)
        chosen = message[k * to.itemsize :].copy().view(_INDEX)
        if k and not _is_choice(chosen, to.size):
            raise ValueError("message: indices given that are no rising ones of the array")
        to[chosen] += to.dtype.type(weight) * values


@dataclass(frozen=True)
class RandomK(_Sparse):
    """Keeps k elements chosen at random, all sets alike: those of the largest of standard normal
    numbers drawn for (seed + worker, step, tensor, element).

    k : as in TopK.
    seed : the same at both ends; no index is sent.

    alpha = k / n on average. Bytes: the kept values in the order of their indices. The numbers are
    those of `steepest.curvature.gaussian`, the same bits on every CPU target.

    Source and errors as in `TopK`, and for a seed that is no int from 0 to 2^64 - 1.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        arguments.count("seed", self.seed, 0, 2**64 - 1)

    def size(self, count: int, itemsize: int) -> int:
        return self.kept(count) * itemsize

    def chosen(self, count: int, draw: Draw) -> NDArray[np.intp]:
        """The indices, rising."""
        seed = (self.seed + draw.worker) % 2**64
        like = np.empty(count, np.float64)
        numbers = gaussian(like, seed=seed, probe=draw.step, tensor=draw.tensor)
        return largest(numbers, self.kept(count))

    def compress(self, x: Values, draw: Draw, to: Message) -> Values:
        chosen = self.chosen(x.size, draw)
        values = np.ascontiguousarray(x[chosen])
        to[:] = values.view(np.uint8)
        sent = np.zeros_like(x)
        sent[chosen] = values
        return sent

    def add(self, message: Message, draw: Draw, to: Values, weight: float) -> None:
        to[self.chosen(to.size, draw)] += to.dtype.type(weight) * message.copy().view(to.dtype)


@dataclass(frozen=True)
class ScaledSign:
    """C(x) = mean |x| sign(x), one bit per element, with 1 as the sign of 0.

    alpha = 1 / n for arrays of n elements, |x|_1^2 / (n |x|_2^2) for a given x, which is 2 / pi on
    normal ones. Bytes: the mean, a float, then ceil(n / 8) bytes of bits that are set where x >= 0,
    element e in bit e % 8 of byte e // 8; those left over are clear. The sum is in double.

    Source: Richtárik, Sokolov and Fatkhullin, arXiv 2106.05203; Seide et al. (2014) for the signs.
    """

    def size(self, count: int, itemsize: int) -> int:
        return itemsize + -(-count // 8) if count else 0

    def alpha(self, count: int) -> float:
        return 1.0 / count if count else 1.0

    def compress(self, x: Values, draw: Draw, to: Message) -> Values:
        if x.size == 0:
            return np.zeros_like(x)
        scale = np.array([np.abs(x).mean(dtype=np.float64)], x.dtype)
        to[: x.itemsize] = scale.view(np.uint8)
        to[x.itemsize :] = np.packbits(x >= 0, bitorder="little")
        signed: Values = np.where(x >= 0, scale, -scale)
        return signed

    def add(self, message: Message, draw: Draw, to: Values, weight: float) -> None:
        if to.size == 0:
            return
        scale = message[: to.itemsize].copy().view(to.dtype)
        bits = np.unpackbits(message[to.itemsize :], count=to.size, bitorder="little")
        change = to.dtype.type(weight) * scale
        to += np.where(bits, change, -change)


def largest(keys: Values, k: int) -> NDArray[np.intp]:
    """Indices of the k largest, rising; of equal ones the lower. NaN is above all numbers.

    The k-th largest is found without sorting: then those above it are taken, and of those equal to
    it the first ones.
    """
    if k >= keys.size:
        return np.arange(keys.size)
    if k == 0:
        return np.arange(0)
    keys = np.where(np.isnan(keys), np.inf, keys)
    least = np.partition(keys, keys.size - k)[keys.size - k]
    taken = keys > least
    equal = np.flatnonzero(keys == least)
    taken[equal[: k - np.count_nonzero(taken)]] = True
    return np.flatnonzero(taken)


def _is_choice(indices: NDArray[np.uint32], count: int) -> bool:
    rising = bool((indices[1:] > indices[:-1]).all())
    return rising and int(indices[-1]) < count
