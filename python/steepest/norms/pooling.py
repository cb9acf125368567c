"""Pooling of places, as the paths through a network see it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..polar import arguments
from .elements import Values

_MOST = 2**20


class Pooling(NamedTuple):
    """A pooling layer, of every channel by itself, with torch's arguments.

    window : places of a window per dimension, or one int for all.
    kind : "max" or "average". An average is over the whole window, what was padded too.
    stride : places from a window to the next; None: `window`.
    padding : places before and after the input, at most half of the window; the largest value looks
        at none of them, for an average they are zero.
    """

    window: Any
    kind: str = "max"
    stride: Any = None
    padding: Any = 0


def pooled(x: Values, layer: Pooling) -> Values:
    """What the paths through windows add up to: x (channels, places...) is not negative. Every
    place of a window has a path of weight 1 into the largest value, of weight 1 / places into the
    average."""
    if layer.kind not in ("max", "average"):
        raise ValueError(f'kind: {layer.kind!r} given, expected "max" or "average"')
    window, stride, padding = _geometry(x, layer)
    sums = np.pad(x, [(0, 0), *((q, q) for q in padding)])
    for axis, (k, s) in enumerate(zip(window, stride, strict=True), 1):
        sums = _sums_along(sums if layer.kind == "max" else sums / k, axis, k, s)
    return sums


def _sums_along(x: Values, axis: int, window: int, stride: int) -> Values:
    seen = np.lib.stride_tricks.sliding_window_view(x, window, axis)
    starts = np.arange(0, seen.shape[axis], stride)
    sums: Values = np.take(seen, starts, axis).sum(axis=-1)
    return sums


def _geometry(x: Values, layer: Pooling) -> tuple[tuple[int, ...], ...]:
    """Window, stride and padding, in which at least one window fits."""
    places = x.shape[1:]
    if len(places) == 0:
        raise ValueError("outputs of a matrix given, expected those of a convolution, with places")
    window = _of_dimensions("window", layer.window, len(places), 1)
    stride = window
    if layer.stride is not None:
        stride = _of_dimensions("stride", layer.stride, len(places), 1)
    padding = _of_dimensions("padding", layer.padding, len(places), 0)
    for n, k, q in zip(places, window, padding, strict=True):
        if 2 * q > k:
            raise ValueError(f"padding: {q} given, expected at most half of the window, {k}")
        if n + 2 * q < k:
            raise ValueError(f"window: {k} given, expected at most the {n + 2 * q} padded places")
    return window, stride, padding


def _of_dimensions(name: str, given: Any, dimensions: int, least: int) -> tuple[int, ...]:
    items = given if isinstance(given, (tuple, list)) else (given,) * dimensions
    if len(items) != dimensions:
        raise ValueError(
            f"{name}: {len(items)} numbers given, expected {dimensions}, one per dimension"
        )
    return tuple(arguments.count(name, n, least, _MOST) for n in items)
