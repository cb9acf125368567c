"""The Lipschitz constant of a sequence of layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import _arrays
from ..polar import arguments
from .conv import conv_spectral_norm
from .results import NormValue
from .spectral import spectral_norm


class Convolution(NamedTuple):
    """A convolutional layer; its fields and their dtypes are as in `conv_spectral_norm`."""

    kernel: Any
    input_size: Any = None
    padding: str = "circular"
    stride: int = 1
    dilation: int = 1
    groups: int = 1


def lipschitz_bound(layers: Sequence[Any], tol: float = 1e-3) -> NormValue:
    """Upper bound of the Lipschitz constant, in the Euclidean norm, of layers one after the other:
    the product of their upper bounds, rounded upwards. It holds in floating point for the function
    with the given weights and real arithmetic.

    layers : a list, in any order, of
        matrices (m, n), as in `spectral_norm`: dense layers (biases do not matter), in any place;
        Convolution(kernel, input_size, ...): convolutional layers;
        numbers: the Lipschitz constants of what lies between them (1 for ReLU, tanh and max
        pooling without overlap; they may be left out).
    tol : as in `spectral_norm`, for every layer.

    Returns NormValue(value, "upper"); 1 for no layers, NaN where a layer has a NaN or an infinity.

    The bound is that of the product, not of the function: it grows with depth even where the
    network's own constant does not (Virmaux and Scaman, NeurIPS 2018, arXiv 1805.10965).

    Raises TypeError or ValueError, naming the layer, as the norms do or for a negative number.
    """
    if not isinstance(layers, (list, tuple)) or isinstance(layers, Convolution):
        raise TypeError(f"layers: {_arrays.describe(layers)} given, expected a list")
    tol = arguments.at_least("tol", tol, 0.0, 1.0)
    bounds = [_upper(layer, f"layers[{i}]", tol) for i, layer in enumerate(layers)]
    if any(math.isnan(bound) for bound in bounds):
        return NormValue(math.nan, "upper")
    if 0.0 in bounds:
        return NormValue(0.0, "upper")
    return NormValue(_product(bounds), "upper")


def _product(factors: list[float]) -> float:
    """Of positive factors, upwards; mantissas and exponents apart, so that nothing overflows on the
    way."""
    mantissa, exponent = 1.0, 0
    for factor in factors:
        if math.isinf(factor):
            return math.inf
        part, more = math.frexp(factor)
        mantissa, carry = math.frexp(math.nextafter(mantissa * part, math.inf))
        exponent += more + carry
    try:
        return math.nextafter(math.ldexp(mantissa, exponent), math.inf)
    except OverflowError:
        return math.inf


def _upper(layer: Any, name: str, tol: float) -> float:
    try:
        if isinstance(layer, Convolution):
            return float(conv_spectral_norm(*layer, tol=tol).upper)
        if _arrays.is_array(layer) and len(getattr(layer, "shape", ())) > 0:
            return _dense(layer, tol)
        return arguments.at_least("number", layer, 0.0)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def _dense(matrix: Any, tol: float) -> float:
    if len(matrix.shape) != 2:
        raise ValueError(
            f"shape {tuple(matrix.shape)} given, expected a matrix, a Convolution or a number"
        )
    return float(spectral_norm(matrix, tol=tol).upper)
