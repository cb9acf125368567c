"""The largest spectral norm among the blocks of a symbol, on a grid or on the whole torus."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from .conv_symbol import Indices, Symbol, Values, half_spectrum, upwards
from .spectral import spectral_norm

_CHUNK = 2**23  # elements of the blocks that are held at a time
_FIRST = 4  # squarings that tell most blocks from the largest
_COARSE = 6  # samples per degree of the first grid on the torus
_MOST_BLOCKS = 2**14  # per level of refinement on the torus


@dataclass
class Search:
    """Intervals of blocks, no narrower than the maximum needs; `lower` is the best so far."""

    symbol: Symbol
    iterations: int | None
    tol: float
    lower: float = 0.0
    best: tuple[Indices, Indices] | None = field(default=None)

    @property
    def enough(self) -> float:
        """An upper bound that need not be improved."""
        return self.lower if self.iterations is not None else self.lower / (1 - self.tol)

    def uppers(self, frequencies: Indices, lengths: Indices) -> Values:
        """Upper bounds per frequency of the computed blocks; raises `lower`."""
        g, c_out, c_in, _ = self.symbol.kernel.shape
        size = 4 * g * c_out * c_in * math.prod(self.symbol.strides)
        step = max(1, _CHUNK // max(1, size))
        chunks = [
            self._chunk(frequencies[i : i + step], lengths)
            for i in range(0, len(frequencies), step)
        ]
        return np.concatenate(chunks)

    def _chunk(self, frequencies: Indices, lengths: Indices) -> Values:
        blocks = self.symbol.blocks(frequencies, lengths)
        count = blocks[0].size
        uppers: Values = np.sqrt(np.square(blocks).sum(axis=(2, 3)).max(axis=1))
        uppers *= upwards(1.0, count)
        uppers += count * 2.0**-500  # squares that underflowed
        stages = [_FIRST, None] if self.iterations is None else [self.iterations]
        for iterations in stages:
            wanted = np.flatnonzero(uppers > self.enough)
            if len(wanted) == 0:
                break
            bound = spectral_norm(blocks[wanted], iterations, self.tol)
            uppers[wanted] = np.minimum(uppers[wanted], bound.upper.max(axis=1))
            self._raise(bound.lower.max(axis=1), frequencies[wanted], lengths)
        return uppers

    def _raise(self, lowers: Values, frequencies: Indices, lengths: Indices) -> None:
        first = int(np.argmax(lowers))
        if self.best is None or lowers[first] > self.lower:
            self.lower = float(lowers[first])
            self.best = frequencies[first : first + 1], lengths


def on_grid(search: Search, lengths: Indices) -> float:
    """Upper bound over all frequencies of an input of s `lengths` places, errors included."""
    uppers = search.uppers(half_spectrum(lengths), lengths)
    return upwards(float(uppers.max()) + search.symbol.error, 1)


def on_torus(search: Search) -> float:
    """Upper bound over all real frequencies: of every size of the input, and of zero padding.

    With sigma the maximum, at w0 with right vector v, f(w) = ||A(w) v||^2 is nonnegative and on a
    line through w0 a trigonometric sum of type tau = sum_i D_i |w_i - w0_i| (D the degrees), so
    f(w) - sigma^2/2 >= sigma^2/2 cos(tau) for tau <= pi (M. Riesz 1914; Duffin and Schaeffer 1938):
    ||A(w)|| >= sigma cos(tau / 2). Hence the cell of half-width h round w that holds w0 has
    sigma <= ||A(w)|| / cos(sum_i D_i h_i / 2); cells that cannot hold w0 are not divided further.
    """
    degrees = search.symbol.degrees
    lengths = np.maximum(1, _COARSE * degrees)
    cells = half_spectrum(lengths)
    discarded = 0.0
    while True:
        angle = float(np.sum(degrees * np.pi / (2 * lengths)))
        factor = upwards(1 / math.cos(upwards(angle, 8)), 8)
        bounds = (search.uppers(cells, lengths) + search.symbol.error) * factor
        bounds *= upwards(1.0, 2)
        open_cells = bounds > search.enough
        divided = 3 ** int(np.count_nonzero(degrees)) * int(open_cells.sum())
        if factor - 1 < search.tol / 8 or not 0 < divided <= _MOST_BLOCKS:
            return max(discarded, float(bounds.max()))
        discarded = max(discarded, float(bounds[~open_cells].max(initial=0.0)))
        cells, lengths = _divide(cells[open_cells], lengths, degrees)


def _divide(cells: Indices, lengths: Indices, degrees: Indices) -> tuple[Indices, Indices]:
    """Every cell in three along each dimension with a degree; the middle one keeps the centre."""
    sides = np.where(degrees > 0, 3, 1)
    shifts = np.indices(tuple(sides)).reshape(len(sides), -1).T - sides // 2
    divided = (cells[:, None, :] * sides + shifts).reshape(-1, len(sides))
    return divided, lengths * sides
