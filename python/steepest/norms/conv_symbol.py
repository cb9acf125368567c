"""A convolution in the Fourier basis: one small block per frequency, with a bound of its errors.

The operator y[p] = sum_t K[t] x[p s + t d] (p, t vectors; s the stride, d the dilation) on a torus
of s M places is, between the M output frequencies w and the s inputs that fold onto each, the block

    A(w)[o, (i, r)] = sum over t with t d mod s = r of K[o, i, t] exp(2 pi i w . (t d // s) / M),

so its singular values are those of all blocks (Sedghi, Gupta and Long, ICLR 2019, arXiv 1805.10408,
for s = 1).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..polar import products

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

UNIT = 2.0**-53
TINY = 2.0**-1000  # far above what underflow loses, where the largest entry is near one
_FEW = 4  # frequencies for which the taps are not put one after the other
_TABLE = 20  # units that an entry of the Fourier matrix may be wrong by, and products and scale


def upwards(value: float, roundings: int) -> float:
    """A computed nonnegative value, increased by what so many roundings may have taken."""
    return value * (1 + 2 * (roundings + 4) * UNIT)


def turned(steps: Indices, period: int) -> tuple[Values, Values]:
    """(cosine, sine) of so many steps, of which `period` make a turn."""
    steps = steps % period
    steps = np.where(2 * steps > period, steps - period, steps)
    angles = 2 * np.pi * (steps / period)
    return np.cos(angles), np.sin(angles)


class Symbol:
    """The blocks of one kernel (groups, c_out, c_in, taps...), float64, largest entry near one."""

    #: Whether kernel and blocks are in NumPy.
    on_host = True

    def __init__(self, kernel: Any, strides: tuple[int, ...], dilation: int) -> None:
        sides = tuple(map(int, kernel.shape[3:]))
        offsets = np.indices(sides).reshape(len(sides), -1).T * dilation
        self.kernel = kernel.reshape((*kernel.shape[:3], -1))
        self.count = math.prod(map(int, self.kernel.shape))
        self.strides = strides
        self.folded = offsets // strides  # (taps, dimensions)
        self.residues = np.ravel_multi_index(tuple((offsets % strides).T), strides)
        self.mass = self._mass()
        self.error = self._error()

    @cached_property
    def taps(self) -> Values:
        """The taps one after the other (taps, groups, c_out, c_in)."""
        return np.ascontiguousarray(np.moveaxis(self.kernel, -1, 0))

    @property
    def degrees(self) -> Indices:
        """Of the blocks, as trigonometric polynomials in each dimension."""
        degrees: Indices = self.folded.max(axis=0)
        return degrees

    def _mass(self) -> float:
        """Bound of the Frobenius norm of a block in which no terms cancel, by Cauchy's inequality
        from that of the kernel."""
        most = int(np.bincount(self.residues).max())
        return upwards(math.sqrt(most * self._squares()), self.count) + self.count * TINY

    def _squares(self) -> float:
        """Of all weights, summed in any order."""
        flat = self.kernel.reshape(-1)
        return float(np.einsum("i,i->", flat, flat))

    def _error(self) -> float:
        """Bound of ||computed block - block||, in the Frobenius norm, for every frequency.

        Each real and imaginary part is a sum of at most n products, in any order, with entries of
        modulus one that are wrong by 16 u: pi (three roundings) and a cosine (4 ulp).
        """
        size = (self.kernel.shape[3] + _TABLE) * UNIT
        error = math.sqrt(2) * size / (1 - size) * self.mass
        return upwards(error, 8) + self.count * TINY

    def waves(self, frequencies: Indices, lengths: Indices) -> tuple[Values, Values]:
        """(cosine, sine) of the phase of every tap (rows) at every frequency (columns)."""
        period = math.lcm(*(int(m) for m in lengths))
        return turned(self.folded @ (frequencies * (period // lengths)).T, period)

    def blocks(self, frequencies: Indices, lengths: Indices) -> Any:
        """[[Re, -Im], [Im, Re]] of every block: real, and of the same spectral norm."""
        g, c_out, c_in, _ = self.kernel.shape
        folds = math.prod(self.strides)
        blocks = np.empty((len(frequencies), g, 2, c_out, 2, c_in, folds))
        waves = np.stack(self.waves(frequencies, lengths))
        for r in range(folds):
            here = self.residues == r
            if not here.any():
                blocks[..., r] = 0
                continue
            re, im = self._sums(here, waves[:, here]).reshape(2, -1, g, c_out, c_in)
            blocks[:, :, 0, :, 0, :, r] = blocks[:, :, 1, :, 1, :, r] = re
            blocks[:, :, 1, :, 0, :, r] = im
            np.negative(im, out=blocks[:, :, 0, :, 1, :, r])
        return blocks.reshape(len(frequencies), g, 2 * c_out, -1)

    def frobenius(self, blocks: Any) -> Values:
        """Upper bounds of the norms, per frequency: the largest of its groups."""
        count = blocks[0, 0].size
        squares = np.einsum("fgij,fgij->fg", blocks, blocks)
        uppers: Values = np.sqrt(squares.max(axis=1)) * upwards(1.0, count)
        uppers += count * 2.0**-500  # squares that underflowed
        return uppers

    def _sums(self, here: NDArray[np.bool_], waves: Values) -> Values:
        """Of some taps times waves (parts, taps, frequencies): (parts frequencies, weights)."""
        taps, count = waves.shape[1:]
        if count <= _FEW and here.all():  # without a copy of the kernel in another order
            columns = np.ascontiguousarray(np.moveaxis(waves, 1, 0)).reshape(taps, -1)
            found: Values = products.multiply(self.kernel.reshape(-1, taps), columns).T
            return found
        rows = np.moveaxis(waves, 1, 2).reshape(-1, taps)
        weights = self.taps if here.all() else self.taps[here]
        found = products.multiply(rows, weights.reshape(taps, -1))
        return found


def half_spectrum(lengths: Indices) -> Indices:
    """Frequencies (count, dimensions) of which each conjugate pair of blocks has one: w and -w."""
    kept = (*lengths[:-1], lengths[-1] // 2 + 1)
    frequencies: Indices = np.indices(kept).reshape(len(lengths), -1).T
    if len(lengths) == 1:
        return frequencies
    is_own = 2 * frequencies[:, -1] % lengths[-1] == 0  # the pair differs in what comes before
    first = 2 * frequencies[:, 0] <= lengths[0]
    kept_ones: Indices = frequencies[~is_own | first]
    return kept_ones
