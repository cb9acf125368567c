"""The largest spectral norm among the blocks of a symbol, on a grid or on the whole torus."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import calls
from .conv_screen import Screen, largest_first
from .conv_symbol import Indices, Symbol, Values, half_spectrum, upwards

_CHUNK = 2**23  # elements of the blocks that are held at a time
_FIRST = 4  # blocks that are looked at before the others; then twice as many each time
_CANDIDATES = 1  # block that is bounded before the others are compared with it
_ROUNDINGS = 2.0**-40  # by which a bound may exceed what was enough
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
    screen: Screen | None = field(init=False)

    def __post_init__(self) -> None:
        self.screen = Screen(self.symbol) if self.symbol.on_host else None

    @property
    def enough(self) -> float:
        """An upper bound that need not be improved."""
        return self.lower if self.iterations is not None else self.lower / (1 - self.tol)

    def uppers(self, frequencies: Indices, lengths: Indices, factor: float = 1.0) -> Values:
        """Upper bounds per frequency of the computed blocks; raises `lower`. Bounds are as near as
        (bound + error of the blocks) `factor` needs to compare with `enough`."""
        screen = None if self.iterations is not None else self.screen
        if screen is None or not screen.suits(len(frequencies), self.tol):
            return self._each(frequencies, lengths, factor)
        step = screen.chunk
        parts = [frequencies[begin : begin + step] for begin in range(0, len(frequencies), step)]
        return np.concatenate([self._screened(screen, part, lengths, factor) for part in parts])

    def _screened(
        self, screen: Screen, frequencies: Indices, lengths: Indices, factor: float
    ) -> Values:
        """Those that seem largest are bounded, from below alone where float32 is precise enough to
        prove the rest; of the others it is proved in float32 that they are not larger, and where
        that fails they are bounded too."""
        grams = screen.grams(frequencies, lengths)
        order = largest_first(grams.estimates)
        uppers = np.full(len(frequencies), math.inf)
        first = order[:_CANDIDATES]
        if factor == 1.0 and screen.leaves_room(self.tol):
            lower = screen.lower(grams, int(first[0]), self.tol)
            self._raise(np.array([lower]), frequencies[first], lengths)
        else:
            uppers[first] = self._each(frequencies[first], lengths, factor)
        enough = self._enough(factor)
        if enough > screen.error:
            below = grams.below((enough - screen.error) * (1 - _ROUNDINGS)).all(axis=0)
            uppers[below] = np.minimum(uppers[below], enough)
        rest = order[np.isinf(uppers[order])]
        if len(rest) > 0:
            uppers[rest] = self._each(frequencies[rest], lengths, factor)
        return uppers

    def _each(self, frequencies: Indices, lengths: Indices, factor: float) -> Values:
        """Bounds in float64, some blocks at a time."""
        g, c_out, c_in, _ = self.symbol.kernel.shape
        size = 4 * g * c_out * c_in * math.prod(self.symbol.strides)
        most = max(1, _CHUNK // max(1, size))
        uppers, begin, step = [], 0, min(_FIRST, most)
        while begin < len(frequencies):
            part = frequencies[begin : begin + step]
            uppers.append(self._chunk(part, lengths, factor))
            begin, step = begin + step, min(2 * step, most)
        return np.concatenate(uppers)

    def _chunk(self, frequencies: Indices, lengths: Indices, factor: float) -> Values:
        """The first ones find how large the largest is; of most of the others it is then proved at
        once that they are not larger."""
        blocks = self.symbol.blocks(frequencies, lengths)
        uppers = self.symbol.frobenius(blocks)
        enough = self._enough(factor)
        wanted = np.flatnonzero(uppers > enough)
        if len(wanted) > 0:
            open_blocks = blocks if len(wanted) == len(frequencies) else blocks[wanted]
            lower, upper = self._bounds(open_blocks, enough)
            uppers[wanted] = np.minimum(uppers[wanted], upper.max(axis=1))
            self._raise(lower.max(axis=1), frequencies[wanted], lengths)
        return uppers

    def _enough(self, factor: float) -> float:
        """Of the norm of a computed block."""
        return max(0.0, self.enough / factor - self.symbol.error) * (1 - _ROUNDINGS)

    def _bounds(self, blocks: Any, enough: float) -> tuple[Values, Values]:
        count = calls.UNTIL_TOL if self.iterations is None else self.iterations
        arrays = calls.Arrays(blocks)
        lower, upper, _ = calls.bounds(arrays, calls.INTERVAL, count, self.tol, enough=enough)
        shape = (-1, int(blocks.shape[1]))
        return lower.reshape(shape), upper.reshape(shape)

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
        bounds = (search.uppers(cells, lengths, factor) + search.symbol.error) * factor
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
