"""Contractive compressors: what is left of a vector, and the bytes that say so.

A compressor C with contraction alpha in (0, 1] has |C(x) - x|^2 <= (1 - alpha) |x|^2. Each of these
works on one flat float32 or float64 array at a time, and in one native call on all arrays of a
list; `ef21` puts the parts of a list together. All integers are little-endian, and floats have the
dtype of the array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arrays import Array
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


class Native:
    """A compressor of the library, which takes all arrays of a list in one call."""

    _code: ClassVar[int]  # in the C ABI
    seed: int = 0

    def kept(self, count: int) -> int:
        """Elements that are kept of that many; 0 where that does not say what is sent."""
        return 0

    def pack(
        self,
        grads: Sequence[Array],
        estimates: Sequence[Values],
        to: Message,
        *,
        step: int,
        worker: int,
        scale: float = 1.0,
        first: int = 0,
        is_list: bool = True,
    ) -> None:
        """Writes the bytes of C(scale g - e) of all arrays, and sets e = e + C(scale g - e).

        grads : in C order; float64 beside float64 only. estimates : float32 or float64, flat.
        first : number of the first array, for random choices.
        """
        _core.ef21_pack(
            grads, estimates, is_list, self._parts(estimates, first), self._code, scale,
            self._seed_of(worker), step, to,
        )  # fmt: skip

    def add_all(
        self,
        messages: Message,
        estimates: Sequence[Values],
        *,
        step: int,
        workers: Sequence[int],
        weights: Sequence[float],
        header: int = 0,
        first: int = 0,
    ) -> None:
        """Adds weights_i C_i to the arrays: of every row of messages, behind its header.

        Raises ValueError for indices that no message has; then nothing has been changed.
        """
        _core.ef21_add(
            messages, header, estimates, self._parts(estimates, first), self._code,
            [self._seed_of(worker) for worker in workers], step, weights,
        )  # fmt: skip

    def compress(self, x: Values, draw: Draw, to: Message) -> Values:
        """Writes the bytes of C(x), and returns C(x)."""
        sent = np.zeros_like(x)
        self.pack([x], [sent], to, step=draw.step, worker=draw.worker, first=draw.tensor)
        return sent

    def add(self, message: Message, draw: Draw, to: Values, weight: float) -> None:
        """Adds weight C(x) to an array."""
        self.add_all(
            message[None], [to], step=draw.step, workers=[draw.worker], weights=[weight],
            first=draw.tensor,
        )  # fmt: skip

    def _parts(self, arrays: Sequence[Values], first: int) -> list[tuple[int, int]]:
        return [(self.kept(x.size), first + i) for i, x in enumerate(arrays)]

    def _seed_of(self, worker: int) -> int:
        return (self.seed + worker) % 2**64


@dataclass(frozen=True)
class _Sparse(Native):
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
        """The contraction that holds for every array of that many elements."""
        return self.kept(count) / count if count else 1.0


@dataclass(frozen=True)
class TopK(_Sparse):
    """Keeps the k elements of largest magnitude; of equal ones those of lower index.

    k : a number of elements, or a float in (0, 1): the share of each array, rounded up.

    alpha = k / n for arrays of n <= 2^32 elements. Bytes: the kept values in the order of their
    indices, then these as uint32. A NaN counts as an infinity, so none is hidden.

    Source: Richtárik, Sokolov and Fatkhullin, arXiv 2106.05203. Raises TypeError and ValueError for
    another k.
    """

    _code: ClassVar[int] = 0

    def size(self, count: int, itemsize: int) -> int:
        """Bytes that an array of that many elements takes."""
        return self.kept(count) * (itemsize + _INDEX.itemsize)


@dataclass(frozen=True)
class RandomK(_Sparse):
    """Keeps k elements chosen at random, all sets alike: those of the largest of random words, one
    for each element, drawn for (seed + worker, step, tensor).

    k : as in TopK.
    seed : the same at both ends; no index is sent.

    alpha = k / n on average. Bytes: the kept values in the order of their indices. The word of
    element e is word e % 4 of block e // 4 of Philox4x32-10 with the purpose 0x1A0, the same on
    every CPU target; of equal words those of lower index count.

    Source and errors as in `TopK`, and for a seed that is no int from 0 to 2^64 - 1.
    """

    seed: int = 0
    _code: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        arguments.count("seed", self.seed, 0, 2**64 - 1)

    def size(self, count: int, itemsize: int) -> int:
        """Bytes that an array of that many elements takes."""
        return self.kept(count) * itemsize

    def chosen(self, count: int, draw: Draw) -> NDArray[np.intp]:
        """The indices, rising."""
        sent = np.empty(self.size(count, 8), np.uint8)
        self.compress(np.arange(count, dtype=np.float64), draw, sent)
        return sent.view(np.float64).astype(np.intp)


@dataclass(frozen=True)
class ScaledSign(Native):
    """C(x) = mean |x| sign(x), one bit per element, with 1 as the sign of 0.

    alpha = 1 / n for arrays of n elements, |x|_1^2 / (n |x|_2^2) for a given x, which is 2 / pi on
    normal ones. Bytes: the mean, a float, then ceil(n / 8) bytes of bits that are set where x >= 0,
    element e in bit e % 8 of byte e // 8; those left over are clear. The sum is in double, over the
    fixed tree.

    Source: Richtárik, Sokolov and Fatkhullin, arXiv 2106.05203; Seide et al. (2014) for the signs.
    """

    _code: ClassVar[int] = 2

    def size(self, count: int, itemsize: int) -> int:
        """Bytes that an array of that many elements takes."""
        return itemsize + -(-count // 8) if count else 0

    def alpha(self, count: int) -> float:
        """The contraction that holds for every array of that many elements."""
        return 1.0 / count if count else 1.0
