"""The path norm of a layered network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _arrays
from . import conv_check, elements
from .conv_check import Geometry
from .elements import Values
from .lipschitz import Convolution


def path_norm(layers: Sequence[Any]) -> float:
    """l1 path norm of a ReLU network of layers one after the other: the sum, over all paths from an
    input or a bias to an output, of the product of the absolute weights along the path.

    Computed as the sum of the outputs of the network with absolute weights on an input of ones, in
    float64: with N products and sums on the longest path, relative errors are at most about
    N 2^-53, as nothing cancels. It does not change when the weights into a unit and its bias are
    multiplied and those out of it divided by a positive number, and bounds the Lipschitz constant
    from the largest change of an input to the sum of absolute changes of the outputs.

    layers : a list in the order of the network, of
        matrices (out, in) of float64, float32, bfloat16 or float16 in host memory;
        Convolution(kernel, input_size, ...): its input_size, with the meaning that
            `conv_spectral_norm` gives it, may be None where a convolution comes before;
        pairs (matrix, bias) or (Convolution, bias), with a bias (out,) or (c_out,).
        ReLUs go between them and are not listed. A matrix after a convolution takes its outputs
        (c_out, places...) in C order.

    Returns a float; infinity where the sum overflows, NaN where a weight is NaN; 0 for no outputs.

    Source: Neyshabur et al., COLT 2015, arXiv 1503.00036; Gonon et al., ICLR 2024, arXiv
    2310.01225.

    Raises TypeError or ValueError, naming the layer: another kind, dtype or shape, an input that is
    not the output of the layer before. ValueError for no layers.
    """
    if not isinstance(layers, (list, tuple)) or isinstance(layers, Convolution):
        raise TypeError(f"layers: {_arrays.describe(layers)} given, expected a list")
    if len(layers) == 0:
        raise ValueError("layers: none given, expected at least one")
    with np.errstate(over="ignore", invalid="ignore"):
        x = _layer(0, layers[0], None)
        for i, layer in enumerate(layers[1:], 1):
            x = _layer(i, layer, x)
        return float(np.sum(x))


def _layer(i: int, layer: Any, x: Values | None) -> Values:
    try:
        return _forward(layer, x)
    except (TypeError, ValueError) as error:
        raise type(error)(f"layers[{i}]: {error}") from None


def _forward(layer: Any, x: Values | None) -> Values:
    """|W| x + |b|; x None: ones."""
    bias = None
    if isinstance(layer, (tuple, list)) and not isinstance(layer, Convolution):
        if len(layer) != 2:
            raise ValueError(f"{len(layer)} entries given, expected a pair (weights, bias)")
        layer, bias = layer
    y = _convolved(layer, x) if isinstance(layer, Convolution) else _dense(layer, x)
    if bias is None:
        return y
    b = elements.read(bias, "bias")[0]
    if b.shape != y.shape[:1]:
        raise ValueError(f"bias: shape {b.shape} given, expected ({y.shape[0]},)")
    return y + np.abs(b).reshape(-1, *(1 for _ in y.shape[1:]))


def _dense(given: Any, x: Values | None) -> Values:
    if not _arrays.is_array(given):
        raise TypeError(
            f"{_arrays.describe(given)} given, expected a matrix, a Convolution or a pair of one "
            "and a bias"
        )
    matrix = np.abs(elements.read(given, "weights")[0])
    if matrix.ndim != 2:
        raise ValueError(f"weights: shape {matrix.shape} given, expected a matrix")
    x = np.ones(matrix.shape[1]) if x is None else x.reshape(-1)
    if len(x) != matrix.shape[1]:
        raise ValueError(
            f"weights: shape {matrix.shape} given, expected {len(x)} columns, as outputs before"
        )
    product: Values = matrix @ x
    return product


def _convolved(layer: Convolution, x: Values | None) -> Values:
    kernel, groups = conv_check.kernel(layer.kernel, layer.groups)
    taps, channels = kernel.shape[3:], groups * kernel.shape[2]
    size = layer.input_size
    if size is None:
        if x is None or x.ndim != 1 + len(taps):
            raise ValueError("input_size: None given, expected the places of the input")
        size = x.shape[1:]
    shape = conv_check.geometry(taps, size, layer.padding, layer.stride, layer.dilation, groups)
    inputs = (channels, *(shape.size or ()))
    x = np.ones(inputs) if x is None else x
    if x.size != np.prod(inputs) or (x.ndim > 1 and x.shape != inputs):
        raise ValueError(f"input {inputs} given, expected {x.shape}, as outputs before")
    return _convolution(np.abs(kernel), x.reshape(inputs), shape)


def _convolution(kernel: Values, x: Values, shape: Geometry) -> Values:
    """Tap by tap; kernel (groups, out, in, taps...), x (channels, places...)."""
    groups, out, per_group = kernel.shape[:3]
    if shape.padding == "zeros":
        x = np.pad(x, [(0, 0), *((q, q) for q in shape.pads)])
    places = [np.arange(n) * shape.stride for n in shape.outputs()]
    y = np.zeros((groups, out, *shape.outputs()))
    for tap in np.ndindex(*shape.taps):
        at = [
            (p + t * shape.dilation) % n for p, t, n in zip(places, tap, x.shape[1:], strict=True)
        ]
        seen = x[np.ix_(np.arange(len(x)), *at)].reshape(groups, per_group, *shape.outputs())
        y += np.einsum("goi,gi...->go...", kernel[(slice(None),) * 3 + tap], seen)
    outputs: Values = y.reshape(groups * out, *shape.outputs())
    return outputs
