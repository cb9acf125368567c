"""The layers of MKOR among the parameters of its groups: which there are, their gradients, what a
step is given for them, and their part of a state_dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _arrays, _elements
from .._arrays import Array
from ..curvature import structure as curvature_structure
from . import checkpoint, hybrid, structure
from .diagonal import finite
from .group import Group
from .kronecker import LEFT, RIGHT, Layer, Statistics, as_floats

Parts = Sequence[Sequence[Array | None]]


def where(groups: Sequence[Group], position: int) -> tuple[Group, int]:
    """The group of a parameter, and its place there."""
    for group in groups:
        if position < group.first + len(group.views):
            return group, position - group.first
    raise IndexError(position)


def label(position: int, names: Sequence[str] | None) -> str:
    return f"params[{position}]" if names is None else f"params[{names[position]!r}]"


def of_matrices(group: Group, names: Sequence[str] | None) -> list[Layer]:
    """A layer for each parameter of two axes or more that has elements."""
    return [
        Layer(view, None, group.first + i, None, label(group.first + i, names))
        for i, view in enumerate(group.views)
        if len(view.shape) >= 2 and 0 not in view.shape
    ]


def read(given: Sequence[Any], groups: Sequence[Group], names: Sequence[str] | None) -> list[Layer]:
    """The layers that a user names. Raises TypeError and ValueError for what is none."""
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence):
        raise TypeError(f"layers: {_arrays.describe(given)} given, expected a list")
    made, seen = [], set[int]()
    for i, entry in enumerate(given):
        pair = tuple(entry) if isinstance(entry, (tuple, list)) else (entry, None)
        if len(pair) != 2:
            raise ValueError(f"layers[{i}]: {entry!r} given, expected (weight, bias)")
        layer = _layer(pair, f"layers[{i}]", groups, names)
        for position in (layer.weight_at, layer.bias_at):
            if position in seen:
                raise ValueError(f"layers[{i}]: {label(position, names)} is in another one too")
            if position is not None:
                seen.add(position)
        made.append(layer)
    return made


def _layer(
    pair: tuple[Any, Any], what: str, groups: Sequence[Group], names: Sequence[str] | None
) -> Layer:
    weight_at = _position(pair[0], what, groups, names)
    bias_at = None if pair[1] is None else _position(pair[1], what, groups, names)
    weight = _view(groups, weight_at)
    bias = None if bias_at is None else _view(groups, bias_at)
    if len(weight.shape) < 2 or 0 in weight.shape:
        shape = tuple(weight.shape)
        raise ValueError(f"{what}: weight of shape {shape} given, expected two axes or more")
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        given = tuple(bias.shape)
        raise ValueError(f"{what}: bias of shape {given} given, expected ({weight.shape[0]},)")
    if bias is not None and _is_double(bias) != _is_double(weight):
        raise TypeError(f"{what}: only one of weight and bias is of float64, expected both or none")
    return Layer(weight, bias, weight_at, bias_at, label(weight_at, names))


def _is_double(x: Array) -> bool:
    return _arrays.dtype_name(x) == "float64"


def _view(groups: Sequence[Group], position: int) -> Array:
    group, place = where(groups, position)
    return group.views[place]


def _position(given: Any, what: str, groups: Sequence[Group], names: Sequence[str] | None) -> int:
    if isinstance(given, str):
        if names is None or given not in names:
            raise ValueError(f"{what}: no parameter has the name {given!r}")
        return list(names).index(given)
    count = sum(len(group.views) for group in groups)
    if isinstance(given, bool) or not isinstance(given, int):
        kind = _arrays.describe(given)
        raise TypeError(f"{what}: {kind} given, expected a name or the position of a parameter")
    if not 0 <= given < count:
        raise ValueError(f"{what}: position {given} given, expected one from 0 to {count - 1}")
    return given


def gradient_of(parts: Parts, groups: Sequence[Group], position: int) -> Array | None:
    group, place = where(groups, position)
    return parts[list(groups).index(group)][place]


def check_gradients(parts: Parts, groups: Sequence[Group], layers: Sequence[Layer]) -> None:
    """Raises for gradients of layers that cannot be preconditioned; the native call checks all
    others."""
    for group, part in zip(groups, parts, strict=True):
        if len(part) != len(group.views):
            raise ValueError(f"grads: {len(part)} given, expected {len(group.views)}")
    for layer in layers:
        found = _gradients(parts, groups, layer)
        if any(g is None for g in found) and not all(g is None for g in found):
            raise ValueError(
                f"grads: only one gradient of weight and bias of {layer.label} given, expected both"
            )
        for grad, param in zip(found, _params(layer), strict=True):
            if grad is not None:
                _check_gradient(grad, param, layer)


def _check_gradient(grad: Array, param: Array, layer: Layer) -> None:
    if not _arrays.is_array(grad):
        raise TypeError(
            f"grads: {_arrays.describe(grad)} given for {layer.label}, expected an array"
        )
    view = _arrays.view(grad, "grads")
    if tuple(view.shape) != tuple(param.shape):
        raise ValueError(
            f"grads: shape {tuple(view.shape)} given in {layer.label}, "
            f"expected {tuple(param.shape)}"
        )
    _elements.check_beside(view, param, f"grads of {layer.label}")
    if _is_double(view) != _is_double(param) or not _is_float(view):
        raise TypeError(
            f"grads: {_arrays.dtype_name(view)} given in {layer.label}, expected a float dtype, "
            "float64 with float64 parameters only"
        )


def _is_float(x: Array) -> bool:
    return _arrays.dtype_name(x) in ("float64", "float32", "bfloat16", "float16")


def _positions(layer: Layer) -> list[int]:
    return [layer.weight_at] if layer.bias_at is None else [layer.weight_at, layer.bias_at]


def _params(layer: Layer) -> list[Array]:
    return [layer.weight] if layer.bias is None else [layer.weight, layer.bias]


def _gradients(parts: Parts, groups: Sequence[Group], layer: Layer) -> list[Array | None]:
    return [gradient_of(parts, groups, position) for position in _positions(layer)]


def precondition(
    parts: Parts, groups: Sequence[Group], layers: Sequence[Layer], rescale: bool
) -> list[list[Array | None]]:
    """The gradients with those of the layers preconditioned."""
    made = [list(part) for part in parts]
    for layer in layers:
        found = [None if g is None else _arrays.view(g) for g in _gradients(parts, groups, layer)]
        if found[0] is None:
            continue
        for position, new in zip(
            _positions(layer), layer.precondition(found, rescale), strict=True
        ):
            group, place = where(groups, position)
            made[list(groups).index(group)][place] = new
    return made


def of_layers(statistics: Any, layers: Sequence[Layer], names: Sequence[str] | None) -> list[Any]:
    """What is given for each layer, or None; by the name of its weight."""
    weights = None if names is None else [names[layer.weight_at] for layer in layers]
    return structure.split_statistics(statistics, len(layers), weights, "layer")


def read_statistics(pair: Any, layer: Layer, clip: float | None, scale: float) -> Statistics:
    """A pair (a, g), checked, clipped and in the layer's precision; a with the 1 of the bias."""
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise TypeError(
            f"statistics of {layer.label}: {_arrays.describe(pair)} given, expected a pair (a, g)"
        )
    what = f"of the statistics of {layer.label}"
    inputs = _vector(pair[0], layer, layer.cols, f"a {what}")
    outputs = _elements.divided(_vector(pair[1], layer, layer.rows, f"g {what}"), scale)
    if clip is not None:
        inputs, outputs = inputs.clip(-clip, clip), outputs.clip(-clip, clip)
    if layer.bias is not None:
        inputs = _elements.appended(inputs, 1.0)
    return Statistics(inputs, finite(outputs, f"g {what}"))


def _vector(given: Any, layer: Layer, size: int, what: str) -> Any:
    if not _arrays.is_array(given):
        raise TypeError(f"{what}: {_arrays.describe(given)} given, expected an array")
    devices = _elements.is_elsewhere(layer.weight)
    view = curvature_structure.read(given, what, devices=devices).arrays[0]  # of a float dtype
    _elements.check_beside(view, layer.weight, what)
    if tuple(view.shape) != (size,):
        raise ValueError(f"{what}: shape {tuple(view.shape)} given, expected ({size},)")
    with np.errstate(over="ignore"):
        made = as_floats(curvature_structure.in_c_order(view), layer.dtype)
        return finite(made, what)


def split_state(
    given: Any, layers: Sequence[Layer], saved: str
) -> tuple[dict[str, Any], list[dict[str, Any]], Mapping[str, Any]]:
    """A state_dict without MKOR's part, the inverses of each layer (copies), and the switch."""
    for key in ("state", "param_groups"):
        if not isinstance(given, Mapping) or key not in given:
            raise ValueError(f"state_dict: missing {key!r}")
    groups = [dict(group) for group in given["param_groups"]]
    own = groups[0].pop(saved, None) if groups else None
    if not isinstance(own, Mapping) or "switch" not in own:
        raise ValueError(f"param_groups[0]: missing {saved!r}")
    state = {int(key): dict(value) for key, value in given["state"].items()}
    inverses = [_read_inverses(layer, state.get(layer.weight_at, {})) for layer in layers]
    return {"state": state, "param_groups": groups}, inverses, hybrid.read(own["switch"])


def _read_inverses(layer: Layer, state: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name in (LEFT, RIGHT):
        what = f"state[{layer.weight_at}][{name!r}]"
        if name not in state:
            raise ValueError(f"{what}: missing")
        want = (layer.inverses[name].shape, np.dtype(layer.dtype).name)
        array = checkpoint.read_array(state.pop(name), want, what)
        like = layer.inverses[name]
        made = _arrays.zeros(like, np.dtype(layer.dtype).name, tuple(like.shape))
        _arrays.assign(made, array)
        found[name] = made
    return found
