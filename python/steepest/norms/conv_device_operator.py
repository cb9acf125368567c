"""A convolution as an operator on inputs on a device: gathered columns and one product."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from ..polar.layout import permuted
from ..polar.products import multiply
from .conv_check import Geometry
from .conv_device import DeviceSymbol, look, move, sent, zeros
from .conv_lower import Operator, stretch_of
from .conv_symbol import Values

_ALL = slice(None)
# Outputs, and the places of the input that a tap reads for them.
Run = tuple[slice, slice]


class DeviceOperator(Operator):
    """Columns hold, for A, what every tap reads, and for A^T what every tap writes; what is outside
    stays zero in both."""

    def __init__(self, symbol: DeviceSymbol, shape: Geometry) -> None:
        g, c_out, c_in, taps = map(int, symbol.kernel.shape)
        stretch = stretch_of(symbol.squares_of_taps(), symbol.count)
        super().__init__(shape, g, (c_in * taps, symbol.count), stretch)
        kernel = symbol.kernel
        turned = zeros(kernel, g, c_in, c_out, taps)
        move(turned, permuted(kernel, [0, 2, 1, 3]))
        self._forward = kernel.reshape((g, c_out, c_in * taps))
        self._backward = turned.reshape((g, c_in, c_out * taps))
        self._read = zeros(kernel, g, c_in, taps, *self.outputs)
        self._written = zeros(kernel, g, c_out, taps, *self.size)
        self._runs = list(_runs(shape))

    def take(self, x: Values) -> Any:
        places = tuple(slice(n) for n in self.size)
        return sent(self._forward, _part(x, *places))

    def apply(self, x: Any) -> Any:
        for tap, outputs, places in self._runs:
            move(_part(self._read, tap, *outputs), _part(x, *places))
        return self._product(self._forward, self._read, self.outputs)

    def adjoint(self, y: Any) -> Any:
        for tap, outputs, places in self._runs:
            move(_part(self._written, tap, *places), _part(y, *outputs))
        return self._product(self._backward, self._written, self.size)

    def _product(self, weights: Any, columns: Any, places: tuple[int, ...]) -> Any:
        g, rows, inner = map(int, weights.shape)
        product = multiply(weights, columns.reshape((g, inner, math.prod(places))))
        return product.reshape((g, rows, *places))

    def length(self, x: Any) -> float:
        return math.sqrt(look(x).squares)

    def over(self, x: Any, length: float) -> Any:
        made = zeros(x, *map(int, x.shape))
        move(made, x, 1 / length)
        return made


def _part(stack: Any, *index: Any) -> Any:
    """Of all groups and channels."""
    whole = (_ALL, _ALL, *index)
    return stack[whole]


def _runs(shape: Geometry) -> Iterator[tuple[int, tuple[slice, ...], tuple[slice, ...]]]:
    """(tap, outputs, places): every pair of an output and a place that a tap connects."""
    for number, tap in enumerate(itertools.product(*(range(k) for k in shape.taps))):
        for runs in itertools.product(*(_of_axis(shape, axis, t) for axis, t in enumerate(tap))):
            yield number, tuple(run[0] for run in runs), tuple(run[1] for run in runs)


def _of_axis(shape: Geometry, axis: int, tap: int) -> Iterator[Run]:
    """A run for every time that the outputs go round a circular input."""
    assert shape.size is not None
    n, s, outputs = shape.size[axis], shape.stride, shape.outputs()[axis]
    first = tap * shape.dilation - shape.pads[axis]
    turns = 1 + (first + (outputs - 1) * s) // n if shape.padding == "circular" else 1
    for start in range(0, turns * n, n):
        begin = max(0, _divided_up(start - first, s))
        end = min(outputs, _divided_up(start + n - first, s))
        if begin < end:
            place = begin * s + first - start
            yield slice(begin, end), slice(place, place + (end - begin - 1) * s + 1, s)


def _divided_up(a: int, b: int) -> int:
    return -(-a // b)
