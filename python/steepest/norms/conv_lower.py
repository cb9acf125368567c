"""Lower bound of a convolution that no transform diagonalises: a vector through the operator."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from .conv_check import Geometry
from .conv_search import Search
from .conv_symbol import TINY, UNIT, Values
from .spectral import dominant_pair

_STEPS = 24
_FADED = 32  # steps end when one gains less than this part of the tolerance


class Operator(ABC):
    """y[o, p] = sum over i, t of kernel[o, i, t] x[i, p stride + t dilation - pad], per group, for
    inputs (groups, c_in, n...) and outputs (groups, c_out, p...) where the kernel is."""

    def __init__(
        self, shape: Geometry, groups: int, terms: tuple[int, int], stretch: float
    ) -> None:
        self.shape, self.groups = shape, groups
        self.size, self.outputs = shape.size or (), shape.outputs()
        #: Products in the sum of an output, and weights of the kernel.
        self.products, self.weights = terms
        #: Bound of ||  |A|  ||.
        self.stretch = stretch

    @abstractmethod
    def take(self, x: Values) -> Any:
        """An input (groups, c_in, n + 1...) whose last places do not count."""

    @abstractmethod
    def apply(self, x: Any) -> Any:
        """A x."""

    @abstractmethod
    def adjoint(self, y: Any) -> Any:
        """A^T y."""

    @abstractmethod
    def length(self, x: Any) -> float:
        """Computed from a sum of squares in some order."""

    @abstractmethod
    def over(self, x: Any, length: float) -> Any:
        """x / length, rounded in some way."""


def stretch_of(squares: Values, weights: int) -> float:
    """From the sums of squares (groups, taps) of the weights: a tap of |A| stretches by at most
    their Frobenius norm."""
    return float(np.sqrt(squares).sum(axis=1).max()) * (1 + 2 * (weights + 8) * UNIT)


class HostOperator(Operator):
    """Inputs carry one more place at the end of each dimension: zero, for taps outside."""

    def __init__(self, kernel: Values, shape: Geometry) -> None:
        squares = np.square(kernel).sum(axis=(1, 2)).reshape(kernel.shape[0], -1)
        terms = kernel[0, 0].size, kernel.size
        super().__init__(shape, kernel.shape[0], terms, stretch_of(squares, kernel.size))
        self.kernel = kernel
        self.reads = [self._reads(axis) for axis in range(len(shape.taps))]

    def _reads(self, axis: int) -> list[Any]:
        shape, n = self.shape, self.size[axis]
        starts = np.arange(self.outputs[axis]) * shape.stride - shape.pads[axis]
        reads = []
        for t in range(shape.taps[axis]):
            place = starts + t * shape.dilation
            inside = place % n if shape.padding == "circular" else place
            reads.append(np.where((inside < 0) | (inside >= n), n, inside))
        return reads

    def _taps(self) -> Any:
        channels = (slice(None), slice(None))
        for tap in itertools.product(*(range(k) for k in self.shape.taps)):
            places = np.ix_(*(self.reads[axis][t] for axis, t in enumerate(tap)))
            weights: Any = (..., *tap)
            yield self.kernel[weights], channels + places

    def take(self, x: Values) -> Values:
        return self._closed(x)

    def apply(self, x: Values) -> Values:
        g, c_out = self.kernel.shape[:2]
        y = np.zeros((g, c_out, int(np.prod(self.outputs))))
        for weights, places in self._taps():
            y += weights @ x[places].reshape(g, x.shape[1], -1)
        return y.reshape(g, c_out, *self.outputs)

    def adjoint(self, y: Values) -> Values:
        g, c_in = self.kernel.shape[0], self.kernel.shape[2]
        x = np.zeros((g, c_in, *(n + 1 for n in self.size)))
        flat = y.reshape(g, y.shape[1], -1)
        for weights, places in self._taps():
            x[places] += (weights.swapaxes(1, 2) @ flat).reshape(g, c_in, *self.outputs)
        return self._closed(x)

    def length(self, x: Values) -> float:
        return float(np.linalg.norm(x))

    def over(self, x: Values, length: float) -> Values:
        return x / length

    def _closed(self, x: Values) -> Values:
        """x with zeros at its additional places."""
        for axis, n in enumerate(self.size):
            np.moveaxis(x, axis + 2, 0)[n] = 0.0
        return x


def lower_bound(operator: Operator, search: Search) -> float:
    """||A x|| / ||x|| less its rounding errors, after a few power iterations."""
    x = operator.take(_start(operator, search))
    best = 0.0
    for _ in range(_STEPS):
        length = operator.length(x)
        if length == 0:
            break
        x = operator.over(x, length)
        y = operator.apply(x)
        found = _below(operator, x, y)
        if found <= best * (1 + search.tol / _FADED):
            return max(best, found)
        best = found
        x = operator.adjoint(y)
    return best


def _start(operator: Operator, search: Search) -> Values:
    """The wave of the largest block's right singular vector, fading at the edges."""
    assert search.best is not None
    frequencies, lengths = search.best
    blocks = search.symbol.blocks(frequencies, lengths)[0]
    pairs = dominant_pair(blocks, tol=1e-3)
    group = int(np.argmax(pairs.sigma))
    half = int(blocks.shape[2]) // 2
    v = pairs.v[group][:half] + 1j * pairs.v[group][half:]
    v = v * np.exp(-0.5j * np.angle(np.sum(v * v)))  # else the real part may be small
    strides = search.symbol.strides
    v = v.reshape(-1, *strides)
    folds: Any = (slice(None), *np.ix_(*_folds(operator, strides)))
    wave = v[folds]
    for axis, n in enumerate(operator.size):
        place = np.arange(n + 1) + operator.shape.pads[axis]
        phase = 2j * np.pi * frequencies[0, axis] / lengths[axis] * (place // strides[axis])
        factor = np.exp(phase) * _window(operator.shape, n)
        wave = wave * factor.reshape(-1, *(1,) * (len(strides) - 1 - axis))
    x = np.zeros((operator.groups, *wave.shape))
    x[group] = wave.real
    return x


def _folds(operator: Operator, strides: tuple[int, ...]) -> list[Any]:
    """The residue of every place."""
    sides = zip(operator.size, operator.shape.pads, strides, strict=True)
    return [(np.arange(n + 1) + q) % s for n, q, s in sides]


def _window(shape: Geometry, n: int) -> Any:
    if shape.padding == "circular":
        return np.ones(n + 1)
    return np.sin(np.pi * (np.arange(n + 1) + 1) / (n + 1)) + 1 / (n + 1)


def _below(operator: Operator, x: Any, y: Any) -> float:
    """y holds sums of products: wrong by at most gamma |A| |x|, entry by entry."""
    size = 2 * (operator.products + 8) * UNIT
    places, outputs = math.prod(map(int, x.shape)), math.prod(map(int, y.shape))
    length = operator.length(x) * (1 + 2 * (places + 8) * UNIT)
    image = operator.length(y) * (1 - 2 * (outputs + 8) * UNIT)
    tiny = (outputs + operator.weights) * TINY
    return max(0.0, (image / length) * (1 - 4 * UNIT) - size * operator.stretch - tiny)
