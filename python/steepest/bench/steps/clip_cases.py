"""Clipping apart from a step: its cases, their check, and their rows.

What is clipped once is short enough the next time. So the bound falls a little from call to call,
and each of them has to scale everything, whoever makes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import steepest
from steepest import _core

from ..bounded import UNIT, Bounded, exact, excess
from ..rows import Row, judge
from ..timing import Effort, Participant, fastest, interleave, repeated, repeated_probe
from .ceiling import fraction

Matrix = NDArray[np.float32]
Call = Callable[[Any], object]

_FALL = 0.9999  # of the bound from call to call
_KEPT = 3
_SLACK = 2.0
_CHUNK = 2**20  # elements that the check looks at together


@dataclass(frozen=True)
class ClipCase:
    """Which of the functions, on a square float32 matrix of this many rows."""

    name: str
    function: str
    side: int

    @property
    def elements(self) -> int:
        return self.side * self.side

    @property
    def reads(self) -> int:
        """Arrays that are read for norms, before the gradient is read and written; of adaptive
        clipping the parameters alone, as a row of the gradient is still in a cache then."""
        return {"clip_norm_": 1, "clip_value_": 0, "clip_adaptive_": 1}[self.function]

    @property
    def norms(self) -> int:
        """Arrays whose elements are squared and summed."""
        return {"clip_norm_": 1, "clip_value_": 0, "clip_adaptive_": 2}[self.function]

    @property
    def bytes(self) -> int:
        return 4 * (self.reads + 2) * self.elements

    @property
    def flops(self) -> int:
        """A square and a sum for each norm, a product; two comparisons with values."""
        return (2 * self.norms + (2 if self.norms == 0 else 1)) * self.elements


@dataclass
class Data:
    """A gradient of 1e-2, a parameter of 0.1, and the bounds that all who clip take in turn."""

    case: ClipCase
    grad: Matrix
    param: Matrix
    bounds: Iterator[float]


def cases(*, quick: bool, elements: int | None = None) -> tuple[ClipCase, ...]:
    """Of about 2^26 elements, or 2^20 if ``quick``."""
    side = math.isqrt(elements or (2**20 if quick else 2**26))
    functions = ("clip_norm_", "clip_value_", "clip_adaptive_")
    return tuple(ClipCase(f"{name} {side}x{side}", name, side) for name in functions)


def describe(case: ClipCase) -> str:
    """One line of the list of cases."""
    read = {"clip_norm_": "read grads; ", "clip_adaptive_": "read params; "}.get(case.function, "")
    return (
        f"{case.name} (steps): {case.bytes / case.elements:g} bytes, "
        f"{case.flops / case.elements:g} FLOPs per element; {read}update grads"
    )


def allocate(case: ClipCase) -> Data:
    """Bounds that begin below half of what there is, in every row too."""
    rng = np.random.default_rng(0)
    shape = (case.side, case.side)
    grad = 1e-2 * rng.standard_normal(shape, np.float32)
    param = 0.1 * rng.standard_normal(shape, np.float32)
    first = {"clip_norm_": 4e-3 * case.side, "clip_value_": 1e-2, "clip_adaptive_": 0.02}
    return Data(case, grad, param, _falling(first[case.function]))


def _falling(first: float) -> Iterator[float]:
    bound = first
    while True:
        yield bound
        bound *= _FALL


def make_call(data: Data) -> Call:
    """Ours."""
    function = getattr(steepest.steps, data.case.function)
    if data.case.function == "clip_adaptive_":
        return lambda _: function(data.grad, data.param, next(data.bounds))
    return lambda _: function(data.grad, next(data.bounds))


def error_of(data: Data, call: Call) -> float:
    """The largest error of one call over its bound, in units of it."""
    before = data.grad.copy()
    bound = next(data.bounds)
    data.bounds = _and_then(bound, data.bounds)
    call(None)
    rows = max(1, _CHUNK // data.case.side)
    parts = [slice(first, first + rows) for first in range(0, data.case.side, rows)]
    total = math.sqrt(math.fsum(float(np.sum(_squares(before[part]))) for part in parts))
    return max(
        excess(data.grad[part], _clipped(data, before[part], part, bound, total).widened(_SLACK))
        for part in parts
    )


def _and_then(bound: float, others: Iterator[float]) -> Iterator[float]:
    yield bound
    yield from others


def _squares(x: Matrix) -> NDArray[np.float64]:
    wide = x.astype(np.float64)
    return wide * wide


def _clipped(data: Data, grad: Matrix, part: slice, bound: float, total: float) -> Bounded:
    """What a part of the gradient should be after the call."""
    g = exact(grad)
    if data.case.function == "clip_value_":
        return g.minimum(float(np.float32(bound))).maximum(-float(np.float32(bound)))
    if data.case.function == "clip_norm_":
        scale = np.array(min(1.0, bound / (total + 1e-6)))
    else:
        size = np.maximum(np.sqrt(_squares(data.param[part]).sum(1, keepdims=True)), 1e-3)
        norm = np.sqrt(_squares(grad).sum(1, keepdims=True))
        scale = np.minimum(1.0, bound * size / norm)
    return g * Bounded(scale, UNIT["float32"] * scale, "float32")


def measure(case: ClipCase, effort: Effort, threads: int, rivals: Sequence[Any]) -> list[Row]:
    """The rows of the case: one per rival, or a single one without rivals."""
    steepest.cpu.set_threads(threads)
    data = allocate(case)
    call = make_call(data)
    error = error_of(data, call)
    participants = [repeated("steepest", call, lambda: None)]
    names = []
    for rival in rivals:
        theirs = rival.make_clip(data, threads) if hasattr(rival, "make_clip") else None
        if theirs is not None:
            names.append(rival.NAME)
            participants.append(repeated(rival.NAME, theirs, lambda: None))
    timings = interleave([*participants, *_probes(data, threads)], effort)
    ceilings = [t for name, t in timings.items() if name.startswith("ceiling ")]
    ours = timings["steepest"]
    row = Row.unjudged(
        "steps",
        case,
        ours,
        impl=f"steps.{case.function}",
        dtype="float32",
        threads=threads,
        error=error,
        flops=case.flops,
    )
    rows = [replace(row, rival=name, rival_median_s=timings[name].median_s) for name in names]
    return [judge(each, fraction(ours, ceilings)) for each in rows or [row]]


def _probes(data: Data, threads: int) -> list[Participant]:
    """The fastest streaming loops over the counted bytes."""
    grad, param = data.grad.reshape(-1), data.param.reshape(-1)

    def seconds(variant: int) -> float:
        if data.case.function == "clip_adaptive_":  # row by row, in one pass
            return _core.stream_ceiling([param], [grad], [], variant, threads)
        first = _core.stream_ceiling([grad], [], [], variant, threads) if data.case.reads else 0.0
        return first + _core.stream_ceiling([], [grad], [], variant, threads)

    def probe(variant: int, name: str) -> Participant:
        return repeated_probe(f"ceiling {name}", lambda: seconds(variant))

    names = _core.stream_ceiling_variants()
    return fastest([probe(k, name) for k, name in enumerate(names)], _KEPT)
