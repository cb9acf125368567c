"""The path norm of a layered network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays
from . import conv_check, elements
from .conv_check import Geometry
from .elements import Values
from .lipschitz import Convolution
from .pooling import Pooling, pooled

_LAYERS = "a matrix, a Convolution, a pair of one and a bias, a Pooling or a Residual"


class Residual(NamedTuple):
    """A skip connection: the sum of what the layers of `branch` and those of `shortcut` make of one
    input. Both are lists as `path_norm` takes them; no layers leave the input as it is."""

    branch: Sequence[Any]
    shortcut: Sequence[Any] = ()


def path_norm(layers: Sequence[Any]) -> float:
    """l1 path norm of a ReLU network: the sum, over all paths from an input or a bias to an output,
    of the product of the absolute weights along the path.

    Computed as the sum of the outputs of the network with absolute weights on an input of ones,
    sums in the place of the largest of a window, in float64: with N products and sums on the
    longest path, relative errors are at most about N 2^-53, as nothing cancels, but for underflow.
    It does not change when the weights into a unit and its bias are multiplied and those out of it
    divided by a positive number. But for roundings it bounds the Lipschitz constant from the
    largest change of an input to the sum of absolute changes of the outputs.

    layers : a list in the order of the network, of
        matrices (out, in) of float64, float32, bfloat16 or float16 in host memory;
        Convolution(kernel, input_size, ...): its input_size, with the meaning that
            `conv_spectral_norm` gives it, may be None where a convolution comes before;
        pairs (matrix, bias) or (Convolution, bias), with a bias (out,) or (c_out,);
        Pooling(window, ...): the largest or the average of windows, after a convolution;
        Residual(branch, shortcut): a skip connection round a list of layers.
        ReLUs go between them and are not listed. A matrix after places takes them and their
        channels (c_out, places...) in C order.

    Returns a float; infinity or NaN where a sum overflows, NaN where a weight is NaN; 0 for no
    outputs.

    Source: Neyshabur et al., COLT 2015, arXiv 1503.00036; Gonon et al., ICLR 2024, arXiv
    2310.01225 (skip connections and pooling).

    Raises TypeError or ValueError, naming the layer: another kind, dtype or shape, an input that is
    not the output of the layer before, branch and shortcut of different shapes. ValueError for no
    layers.
    """
    items = _list(layers, "layers")
    if len(items) == 0:
        raise ValueError("layers: none given, expected at least one")
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sum(_through(items, None, "layers")))


def _list(given: Any, name: str) -> Sequence[Any]:
    if not isinstance(given, (list, tuple)) or isinstance(given, (Convolution, Pooling, Residual)):
        raise TypeError(f"{name}: {_arrays.describe(given)} given, expected a list")
    return given


def _through(layers: Sequence[Any], x: Values | None, name: str) -> Any:
    """The outputs of the layers; None: ones of whatever shape the first layer takes."""
    for i, layer in enumerate(layers):
        try:
            x = _forward(layer, x)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}[{i}]: {error}") from None
    return x


def _forward(layer: Any, x: Values | None) -> Values:
    if isinstance(layer, Residual):
        return _residual(layer, x)
    if isinstance(layer, Pooling):
        if x is None:
            raise ValueError("a Pooling given, expected a layer before it with places")
        return pooled(x, layer)
    return _weighted(layer, x)


def _residual(layer: Residual, x: Values | None) -> Values:
    branch, shortcut = _list(layer.branch, "branch"), _list(layer.shortcut, "shortcut")
    if x is None:
        x = _ones(branch or shortcut)
    ends = [_through(branch, x, "branch"), _through(shortcut, x, "shortcut")]
    shapes = [np.shape(end) for end in ends]
    if shapes[0] != shapes[1]:
        raise ValueError(f"branch of {shapes[0]} outputs and shortcut of {shapes[1]} given")
    total: Values = np.add(*ends)
    return total


def _ones(layers: Sequence[Any]) -> Values:
    """An input of ones for the first of the layers, which says how large it is."""
    layer = layers[0] if layers else None
    if isinstance(layer, Residual):
        return _ones(_list(layer.branch, "branch") or _list(layer.shortcut, "shortcut"))
    if isinstance(layer, (tuple, list)) and not isinstance(layer, (Convolution, Pooling)):
        layer = layer[0] if len(layer) > 0 else None
    if isinstance(layer, Convolution):
        kernel, groups = conv_check.kernel(layer.kernel, layer.groups)
        return np.ones(_inputs(layer, kernel, groups, None)[1])
    if _arrays.is_array(layer):
        return np.ones(elements.read(layer, "weights")[0].shape[-1:])
    raise ValueError("a Residual given, expected a layer before it or weights first in its branch")


def _weighted(layer: Any, x: Values | None) -> Values:
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
        raise TypeError(f"{_arrays.describe(given)} given, expected {_LAYERS}")
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
    shape, inputs = _inputs(layer, kernel, groups, x)
    x = np.ones(inputs) if x is None else x
    if x.size != np.prod(inputs) or (x.ndim > 1 and x.shape != inputs):
        raise ValueError(f"input {inputs} given, expected {x.shape}, as outputs before")
    return _convolution(np.abs(kernel), x.reshape(inputs), shape)


def _inputs(
    layer: Convolution, kernel: Values, groups: int, x: Values | None
) -> tuple[Geometry, tuple[int, ...]]:
    """The geometry, and the shape (channels, places...) of the input."""
    taps, size = kernel.shape[3:], layer.input_size
    if size is None:
        if x is None or x.ndim != 1 + len(taps):
            raise ValueError("input_size: None given, expected the places of the input")
        size = x.shape[1:]
    shape = conv_check.geometry(kernel.shape, size, layer.padding, layer.stride, layer.dilation)
    return shape, (groups * kernel.shape[2], *(shape.size or ()))


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
