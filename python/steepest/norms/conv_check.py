"""Arguments of the convolutional norms, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import _arrays, _core
from ..polar import arguments
from .conv_symbol import Values
from .elements import widened

_MOST = 2**20


@dataclass(frozen=True)
class Geometry:
    """A convolution without its weights: `size` and `pads` per dimension, the rest for all."""

    taps: tuple[int, ...]
    size: tuple[int, ...] | None
    padding: str
    stride: int
    dilation: int
    groups: int

    @property
    def spans(self) -> tuple[int, ...]:
        """Places from the first to the last tap."""
        return tuple(self.dilation * (k - 1) + 1 for k in self.taps)

    @property
    def pads(self) -> tuple[int, ...]:
        """Zeros before and after the input."""
        if self.padding == "circular":
            return (0,) * len(self.taps)
        return tuple((span - 1) // 2 for span in self.spans)

    def outputs(self) -> tuple[int, ...]:
        """Places of the output."""
        if self.padding == "circular":
            return tuple(-(-n // self.stride) for n in self.size or ())
        shapes = zip(self.size or (), self.pads, self.spans, strict=True)
        return tuple((n + 2 * q - span) // self.stride + 1 for n, q, span in shapes)


def kernel(given: Any, groups: Any, least: int = 3) -> tuple[Values, int]:
    """A kernel in host memory (groups, c_out/groups, c_in/groups, taps...), a copy in float64, and
    groups; it has at least `least` dimensions."""
    shape, dtype = facts(given, groups, least)
    return widened(_arrays.to_host(given, "kernel"), dtype).reshape(shape), shape[0]


def facts(
    given: Any, groups: Any, least: int = 3, *, anywhere: bool = False
) -> tuple[tuple[int, ...], str]:
    """That shape of a kernel, and its dtype. Raises for one on a device unless it may lie
    `anywhere`."""
    shape, dtype = _core.array_facts(given, "kernel", -1, anywhere)
    if not least <= len(shape) <= 4:
        matrix = "(c_out, c_in), " if least == 2 else ""
        raise ValueError(
            f"kernel: shape {tuple(shape)} given, expected {matrix}(c_out, c_in / groups, k) or "
            "(c_out, c_in / groups, k, k)"
        )
    groups = arguments.count("groups", groups, 1, _MOST)
    if shape[0] % groups:
        raise ValueError(f"groups: {groups} given, expected a divisor of c_out = {shape[0]}")
    if 0 in shape[2:]:
        raise ValueError(f"kernel: shape {tuple(shape)} given, expected at least one tap")
    return (groups, shape[0] // groups, *shape[1:]), dtype


def geometry(
    kernel_shape: tuple[int, ...], size: Any, padding: Any, stride: Any, dilation: Any
) -> Geometry:
    """The rest of the arguments, of a kernel (groups, c_out/groups, c_in/groups, taps...)."""
    groups, _, _, *taps = kernel_shape
    if padding not in ("circular", "zeros"):
        raise ValueError(f'padding: {padding!r} given, expected "circular" or "zeros"')
    shape = Geometry(
        tuple(taps),
        None if size is None else _size(size, len(taps)),
        padding,
        arguments.count("stride", stride, 1, _MOST),
        arguments.count("dilation", dilation, 1, _MOST),
        groups,
    )
    if shape.size is not None and min(shape.outputs()) < 1:
        raise ValueError(
            f"input_size: {shape.size} given, expected at least "
            f"{tuple(w - 2 * q for w, q in zip(shape.spans, shape.pads, strict=True))} "
            "so that the kernel fits the padded input"
        )
    return shape


def _size(given: Any, dimensions: int) -> tuple[int, ...]:
    items = given if isinstance(given, (tuple, list)) else (given,) * dimensions
    if len(items) != dimensions:
        raise ValueError(
            f"input_size: {len(items)} numbers given, expected {dimensions}, as the kernel has "
            "dimensions"
        )
    return tuple(arguments.count("input_size", n, 1, _MOST) for n in items)
