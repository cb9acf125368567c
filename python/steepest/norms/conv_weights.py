"""The weights of a convolution, in host memory or on a device, and what is made of them there."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _arrays, _core
from . import conv_check
from .conv_check import Geometry
from .conv_device import DeviceSymbol, doubles, look
from .conv_device_operator import DeviceOperator
from .conv_lower import HostOperator, Operator
from .conv_symbol import Symbol, Values
from .elements import widened


class HostWeights:
    """A copy (groups, c_out, c_in, taps...) in float64."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.shape: tuple[int, ...] = values.shape

    def largest(self) -> float:
        """Magnitude; not finite where a weight is not."""
        return max(float(self._values.max(initial=0.0)), -float(self._values.min(initial=0.0)))

    def symbol(self, exponent: int, strides: tuple[int, ...], dilation: int) -> Symbol:
        """Of the weights times 2^exponent. Once only: they may be changed in their place."""
        return Symbol(_times_power(self._values, exponent), strides, dilation)

    def operator(self, symbol: Symbol, shape: Geometry) -> Operator:
        """Of the weights that the symbol has."""
        return HostOperator(symbol.kernel.reshape(self.shape), shape)


class DeviceWeights:
    """The same on a device."""

    def __init__(self, given: Any, shape: tuple[int, ...]) -> None:
        self._values = doubles(_arrays.view(given, "kernel"))
        self.shape = shape

    def largest(self) -> float:
        return look(self._values).largest

    def symbol(self, exponent: int, strides: tuple[int, ...], dilation: int) -> DeviceSymbol:
        scaled = doubles(self._values, exponent)
        return DeviceSymbol(scaled.reshape(self.shape), strides, dilation)

    def operator(self, symbol: Symbol, shape: Geometry) -> Operator:
        assert isinstance(symbol, DeviceSymbol)
        return DeviceOperator(symbol, shape)


def read(given: Any, groups: Any) -> HostWeights | DeviceWeights:
    """Raises what `conv_spectral_norm` raises for a kernel and groups."""
    shape, dtype = conv_check.facts(given, groups, anywhere=True)
    if _core.work_place(given, "kernel")[0]:
        return DeviceWeights(given, shape)
    return HostWeights(widened(_arrays.to_host(given, "kernel"), dtype).reshape(shape))


def _times_power(values: Values, exponent: int) -> Values:
    """values 2^exponent, in their place by a product, which is faster, where that is a number."""
    if abs(exponent) < 1000:
        values *= 2.0**exponent
        return values
    return np.ldexp(values, exponent)
