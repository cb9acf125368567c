"""Blocks of a symbol in float32, many frequencies at once: which of them may be the largest."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .conv_symbol import Indices, Symbol, Values, turned, upwards

_UNIT = 2.0**-24
# Units that an entry of the Fourier matrix, a weight and the sum of two weights are wrong by, and
# the product.
_WAVE = 4
_TINY = 2.0**-100  # far above what underflow loses, where the largest entry is near one
_MEMORY = 2**21  # numbers of the Gram matrices that are held at a time
_MOST_MEMORY = 2**24  # of them, where fewer frequencies would not fill a batch
_BATCH = 16  # frequencies that the widest target works on at once
_LEAST = 8  # frequencies that are worth it
_RUN = 32  # products that the native factorisation sums before they meet others
_SPREAD = (
    0.003  # by which, and more, the norms of most blocks of several taps are below the largest
)

Weights = NDArray[np.float32]


class Screen:
    """The kernel in the order that the native proofs want: the short side first."""

    def __init__(self, symbol: Symbol) -> None:
        c_out, c_in = symbol.kernel.shape[1:3]
        self.symbol = symbol
        self.phases = math.prod(symbol.strides)
        self.is_turned = c_out > c_in * self.phases
        self.rows: int = min(c_out, c_in * self.phases)
        #: Of every phase.
        self.taps = [np.flatnonzero(symbol.residues == r) for r in range(self.phases)]
        self.places = self._places()
        self.weights = self._weights()
        size = (self.terms + _WAVE + 1) * _UNIT
        error = math.sqrt(2) * size / (1 - size) * symbol.mass
        self.error = upwards(error, 8) + symbol.kernel.size * _TINY

    def _places(self) -> Indices:
        """The taps of every phase (phases, most taps), each as far from the end of its row as the
        one on the other side of their centre is from the beginning; -1 between the two halves."""
        places = np.full((self.phases, max(map(len, self.taps))), -1)
        for row, taps in zip(places, self.taps, strict=True):
            half = len(taps) // 2
            row[: len(taps) - half] = taps[: len(taps) - half]
            row[len(row) - half :] = taps[len(taps) - half :]
        return places

    @property
    def terms(self) -> int:
        """Pairs of taps, with that in the middle, if there is one."""
        return (int(self.places.shape[1]) + 1) // 2

    @cached_property
    def _offsets(self) -> Indices:
        """(phases, terms, dimensions): twice the way from the centre of a phase to each tap of the
        first half. The last tap is as far on the other side, so that its wave is the conjugate.
        Waves from the centre make a block whose columns, or rows, of a phase are all multiplied by
        one number of modulus one, and whose norm is the same."""
        folded = self.symbol.folded
        offsets: Indices = 2 * folded[self.places[:, : self.terms]]
        for row, taps in zip(offsets, self.taps, strict=True):
            if len(taps) > 0:
                row -= folded[taps[0]] + folded[taps[-1]]
        return offsets

    def _weights(self) -> Weights:
        """(groups, rows, columns, taps), with the phases of the input channels in runs."""
        kernel = self.symbol.kernel.astype(np.float32)
        if self.phases > 1:
            kernel = np.where(self.places >= 0, kernel[..., self.places], np.float32(0))
            kernel = np.moveaxis(kernel, 3, 2)  # (groups, c_out, phases, c_in, taps)
            kernel = kernel.reshape(*kernel.shape[:2], -1, kernel.shape[-1])
        return np.ascontiguousarray(kernel.swapaxes(1, 2) if self.is_turned else kernel)

    def suits(self, count: int, tol: float) -> bool:
        """Whether there is something to gain, and memory for a batch. The errors of float32 are
        taken off what a block is compared with: where they are within `tol` all blocks may be
        proved to be smaller, beyond that those that are smaller by as much, which most blocks of
        more than one tap are."""
        if count < _LEAST or _BATCH * self._gram_size > _MOST_MEMORY:
            return False
        few = self.places.shape[1] > 1 and self._errors <= _SPREAD
        return few or self.leaves_room(tol)

    def leaves_room(self, tol: float) -> bool:
        """Whether even the largest block may be proved to be within `tol` of its lower bound."""
        return self._errors <= 0.6 * tol

    @property
    def _errors(self) -> float:
        """About those of float32, relative to the norm of a block."""
        roundings = 2 * _RUN + 3 * (self.rows / _RUN + 3) + 6
        return 0.6 * _UNIT * roundings * self.rows

    def lower(self, grams: Any, frequency: int, tol: float) -> float:
        """Lower bound of the norm at a frequency of `grams`, by its number there: of the group that
        seems the largest."""
        group = int(np.argmax(grams.estimates[:, frequency]))
        found: float = grams.lower(group, frequency, tol)
        lower: float = (found - self.error) * (1 - 4 * _UNIT**2)
        return max(0.0, lower)

    @property
    def _gram_size(self) -> int:
        """Numbers of the Gram matrices of one frequency."""
        size: int = self.weights.shape[0] * self.rows * (self.rows + 1)
        return size

    @property
    def chunk(self) -> int:
        """Frequencies that are looked at together."""
        return max(_BATCH, _MEMORY // self._gram_size // _BATCH * _BATCH)

    def grams(self, frequencies: Indices, lengths: Indices) -> Any:
        """Gram matrices of all blocks, and estimates of their norms."""
        period = 2 * math.lcm(*(int(m) for m in lengths))
        turns = self._offsets @ (frequencies * (period // (2 * lengths))).T
        waves: Weights = np.stack(turned(turns, period), axis=2).astype(np.float32)
        if self.phases > 1:
            waves[self.places[:, : self.terms] < 0] = 0
        phases = (self.phases, 1) if self.is_turned else (1, self.phases)
        return _core.SymbolGrams(self.weights, waves, *phases)


def largest_first(estimates: Values) -> Indices:
    """Frequencies by the largest estimate among the groups."""
    order: Indices = np.argsort(-estimates.max(axis=0), kind="stable")
    return order
