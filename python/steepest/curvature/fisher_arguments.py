"""Arguments of the statistics of Kronecker factors, checked."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from .. import _arrays, _elements
from ..polar import arguments
from . import structure

_MOST = 2**20


class Taps:
    """A convolution without its weights, one number per dimension of space."""

    def __init__(
        self,
        size: tuple[int, ...],
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
    ) -> None:
        self.kernel = _each("kernel_size", kernel_size, len(size), 1)
        self.stride = _each("stride", stride, len(size), 1)
        self.padding = _each("padding", padding, len(size), 0)
        self.dilation = _each("dilation", dilation, len(size), 1)
        spans = [d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True)]
        room = [n + 2 * p - w for n, p, w in zip(size, self.padding, spans, strict=True)]
        if min(room) < 0:
            raise ValueError(
                f"inputs: size {size} given, expected at least "
                f"{tuple(w - 2 * p for w, p in zip(spans, self.padding, strict=True))} so that the "
                "kernel fits"
            )
        self.outputs = tuple(r // s + 1 for r, s in zip(room, self.stride, strict=True))

    @property
    def count(self) -> int:
        """Positions of the output."""
        return math.prod(self.outputs)

    def places(self) -> Iterator[tuple[slice, ...]]:
        """What each tap meets of the padded input, in the order of the kernel's elements."""
        for tap in itertools.product(*map(range, self.kernel)):
            first = [t * d for t, d in zip(tap, self.dilation, strict=True)]
            ends = zip(first, self.stride, self.outputs, strict=True)
            yield tuple(slice(f, f + s * (n - 1) + 1, s) for f, s, n in ends)


def _each(name: str, given: Any, dimensions: int, least: int) -> tuple[int, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        return (arguments.count(name, given, least, _MOST),) * dimensions
    if len(given) != dimensions:
        raise ValueError(f"{name}: {len(given)} numbers given, expected one or {dimensions}")
    return tuple(arguments.count(name, number, least, _MOST) for number in given)


def values(
    given: Any, name: str, *, least: int, most: int | None = None, devices: bool = False
) -> Any:
    """An array in float64, finite and with elements, of `least` to `most` dimensions; from NumPy,
    or of an array on a device of its kind there."""
    of = structure.read(given, name, devices=devices)
    if of.is_list:
        raise TypeError(f"{name}: {_arrays.describe(given)} given, expected an array")
    shape = of.shapes[0]
    if not least <= len(shape) <= (most or math.inf):
        wanted = f"{least} or more axes" if most is None else f"{least} to {most} axes"
        raise ValueError(f"{name}: shape {shape} given, expected {wanted}")
    if 0 in shape:
        raise ValueError(f"{name}: shape {shape} given, expected elements along every axis")
    view = of.arrays[0]
    if isinstance(view, structure.Foreign):
        raise TypeError(
            f"{name}: {_arrays.describe(given)} given, expected a NumPy or CuPy array or a torch "
            "tensor"
        )
    wide = _elements.floats(structure.in_c_order(view) if devices else view, "float64")
    if _elements.first_not_finite([wide]) is not None:
        raise ValueError(f"{name}: a NaN or an infinity given, expected finite numbers")
    return wide


def same_leading(x: Any, s: Any) -> None:
    """Raises where the axes before the last, those of the examples, differ, or the places."""
    if x.shape[:-1] != s.shape[:-1]:
        raise ValueError(
            f"output_grads: shape {tuple(s.shape)} given, expected "
            f"{(*x.shape[:-1], 'outputs')} with inputs of shape {tuple(x.shape)}"
        )
    _elements.check_beside(s, x, "output_grads")


def positions(x: NDArray[Any], s: NDArray[Any], taps: Taps) -> None:
    """Raises where the gradients are not those of the convolution's outputs."""
    if s.ndim != x.ndim or s.shape[0] != x.shape[0] or s.shape[2:] != taps.outputs:
        raise ValueError(
            f"output_grads: shape {s.shape} given, "
            f"expected {(x.shape[0], 'outputs', *taps.outputs)}"
        )


def flag(name: str, given: Any) -> bool:
    """A bool."""
    if not isinstance(given, bool):
        raise TypeError(f"{name}: {type(given).__name__} given, expected a bool")
    return given
