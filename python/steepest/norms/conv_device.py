"""The symbol of a convolution on a device, by products and passes that are there for all matrices.

The transform is the product of the waves, from the host, with the taps, in float64: per frequency
four rows, of Re, -Im, Im and Re, and a pass that puts them where the blocks have them. As on the
host a real or imaginary part is a sum of as many products as there are taps, with the same waves,
so the bound of its error is the same, too.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays, _core
from ..polar.layout import permuted
from ..polar.products import multiply
from .conv_symbol import Indices, Symbol, Values

_ONE = np.array([[1.0, 0, 0, 0, 0]])


class Look(NamedTuple):
    """At the elements of an array: the largest magnitude, NaN where one is not finite; the sum of
    all squares, in some order."""

    largest: float
    squares: float


def move(to: Any, x: Any, factor: float = 1.0, exponent: int = 0) -> None:
    """to = x factor 2^exponent, element by element, for arrays of one shape and any strides. The
    two longest axes are those of the matrices of the pass, so that these are few."""
    order = _longest_last(to)
    coefficients = np.array([[factor, exponent, 0, 0, 0]])
    _core.combine(
        (permuted(to, order), False, None), (permuted(x, order), False, None), None, coefficients
    )


def look(x: Any) -> Look:
    """Waits for the device."""
    found = _core.compare((permuted(x, _longest_last(x)), False, None))
    largest, squares, _, nonfinite = found.T
    if nonfinite.any():
        return Look(math.nan, math.nan)
    return Look(float(largest.max(initial=0.0)), float(squares.sum()))


def _longest_last(x: Any) -> list[int]:
    return sorted(range(len(x.shape)), key=lambda axis: int(x.shape[axis]))


def zeros(like: Any, *shape: int) -> Any:
    """In float64, in C order."""
    return _arrays.zeros(like, "float64", shape)


def doubles(x: Any, exponent: int = 0) -> Any:
    """x 2^exponent in float64, in C order."""
    made = zeros(x, *map(int, x.shape))
    if 0 not in made.shape:
        move(made, x, exponent=exponent)
    return made


def sent(like: Any, values: Values) -> Any:
    """Numbers of the host, where `like` is."""
    made = zeros(like, *values.shape)
    _arrays.assign(made, np.ascontiguousarray(values))
    return made


class DeviceSymbol(Symbol):
    """The blocks of one kernel (groups, c_out, c_in, taps...), float64 in C order, on a device."""

    on_host = False

    def __init__(self, kernel: Any, strides: tuple[int, ...], dilation: int) -> None:
        super().__init__(kernel, strides, dilation)
        g, c_out, c_in, taps = map(int, self.kernel.shape)
        by_tap = zeros(self.kernel, taps, g * c_out * c_in)
        move(by_tap, permuted(self.kernel.reshape((-1, taps)), [1, 0]))
        self._by_tap = by_tap
        self._parts = [self._part(int(residue)) for residue in np.unique(self.residues)]

    def _part(self, residue: int) -> tuple[int, Indices, Any]:
        """A residue, its taps, and their weights (taps, weights)."""
        taps = np.flatnonzero(self.residues == residue)
        count, weights = map(int, self._by_tap.shape)
        if len(taps) == count:
            return residue, taps, self._by_tap
        part = zeros(self._by_tap, len(taps), 1, weights)
        rows = (self._by_tap.reshape((count, 1, weights)), False, taps.tolist())
        _core.combine((part, False, None), rows, None, _ONE)
        return residue, taps, part.reshape((len(taps), weights))

    def _squares(self) -> float:
        return look(self.kernel).squares

    def squares_of_taps(self) -> Values:
        """(groups, taps): sums of squares of the weights."""
        g, c_out, c_in, taps = map(int, self.kernel.shape)
        found = _core.compare((self._by_tap.reshape((taps, g, c_out, c_in)), False, None))
        squares: Values = found[:, 1].reshape(taps, g).T
        return squares

    def frobenius(self, blocks: Any) -> Values:
        """None: the first level of a Gram iteration finds better ones."""
        return np.full(int(blocks.shape[0]), math.inf)

    def blocks(self, frequencies: Indices, lengths: Indices) -> Any:
        g, c_out, c_in, _ = map(int, self.kernel.shape)
        count, folds = len(frequencies), math.prod(self.strides)
        blocks = zeros(self.kernel, count, g, 2, c_out, 2, c_in, folds)
        cosines, sines = self.waves(frequencies, lengths)
        waves = np.array([[cosines, -sines], [sines, cosines]])  # (2, 2, taps, frequencies)
        rows = np.moveaxis(waves, 3, 0)
        for residue, taps, weights in self._parts:
            here = sent(self.kernel, rows[..., taps].reshape(4 * count, -1))
            sums = multiply(here, weights).reshape((count, 2, 2, g, c_out, c_in))
            move(
                permuted(blocks[..., residue], [0, 1, 2, 4, 3, 5]),
                permuted(sums, [0, 3, 1, 2, 4, 5]),
            )
        return blocks.reshape((count, g, 2 * c_out, 2 * c_in * folds))
