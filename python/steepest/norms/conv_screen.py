"""Blocks of a symbol in float32, many frequencies at once: which of them may be the largest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .conv_symbol import Indices, Symbol, Values, upwards

_UNIT = 2.0**-24
_WAVE = 3  # units that an entry of the Fourier matrix and a weight are wrong by, and their product
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
        self.places = self._places()
        self.weights = self._weights()
        size = (self.places.shape[1] + _WAVE + 1) * _UNIT
        error = math.sqrt(2) * size / (1 - size) * symbol.mass
        self.error = upwards(error, 8) + symbol.kernel.size * _TINY

    def _places(self) -> Indices:
        """The taps of every phase (phases, most taps), -1 behind the last."""
        of_phases = [np.flatnonzero(self.symbol.residues == r) for r in range(self.phases)]
        places = np.full((self.phases, max(map(len, of_phases))), -1)
        for row, taps in zip(places, of_phases, strict=True):
            row[: len(taps)] = taps
        return places

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
        roundings = 2 * _RUN + 3 * (self.rows / _RUN + 3) + 6
        errors = 0.6 * _UNIT * roundings * self.rows
        return errors <= 0.6 * tol or (self.places.shape[1] > 1 and errors <= _SPREAD)

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
        exact = np.stack(self.symbol.waves(frequencies, lengths), axis=1)  # (taps, 2, count)
        waves: Weights = exact.astype(np.float32)[None]
        if self.phases > 1:
            chosen = self.places[:, :, None, None] >= 0
            waves = np.where(chosen, waves[0][self.places], np.float32(0))
        phases = (self.phases, 1) if self.is_turned else (1, self.phases)
        return _core.SymbolGrams(self.weights, waves, *phases)


def largest_first(estimates: Values) -> Indices:
    """Frequencies by the largest estimate among the groups."""
    order: Indices = np.argsort(-estimates.max(axis=0), kind="stable")
    return order
