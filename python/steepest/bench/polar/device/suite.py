"""Runs the cases on a GPU and makes their rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

import steepest

from ....polar import products
from ...bounded import UNIT
from ...device import host_dtype
from ...device.run import Settings, each
from ...device.work import OURS, Prepared, Share, Work, rivals_of, rows
from ...rows import Row
from ...steps.buffers import Array, split
from ...steps.device.timing import enqueued
from ...timing import Timing
from .. import bound
from ..peak import ceiling
from .cases import GRAM, AnyCase, ListCase, ProductCase, memory_of, shapes_of
from .peak import FULL_SIDE, Peaks

CHECKED = 2048  # the longest short side whose singular values are looked at
_PERIOD = 1_000_003  # elements after which the content repeats; no side divides it
_SAMPLED = 64  # rows of a product that are checked,
_FEW = 8  # and those of one in double, in extended precision
_CUT = 3  # tensor cores cut off what they shift out: so many times the roundings


def run(cases: Sequence[AnyCase], settings: Settings, side: int = FULL_SIDE) -> Iterator[list[Row]]:
    """The rows of each case, as they come. A case that fails has none and is noted."""
    return each(cases, settings, partial(measure, peaks=Peaks(side, settings)))


def measure(case: AnyCase, settings: Settings, peaks: Peaks) -> list[Row]:
    """Checks one call of a case and times it against the peak and its rivals."""
    if not _has_room(case, settings):
        settings.notice(f"{case.name}: left out, the device has too little memory")
        return []
    if isinstance(case, ProductCase):
        call, error, rivals = _product(case, settings)
    else:
        call, error, rivals = _orthogonalize(case, settings)
    probes = [probe for dtype in case.operations for probe in peaks.of(dtype)]
    work = Prepared(
        call,
        error,
        partial(_timed, settings),
        [probe.participant for probe in probes],
        rivals,
        partial(_share, case, peaks),
    )
    return rows(partial(_row, case), work, settings)


def _timed(settings: Settings, name: str, work: Work) -> Any:
    return enqueued(name, settings.framework, work)


def _has_room(case: AnyCase, settings: Settings) -> bool:
    has = settings.framework.facts().get("memory_gib")
    return has is None or memory_of(case) < 0.8 * has * 2**30


def _share(case: AnyCase, peaks: Peaks, timings: Mapping[str, Timing]) -> Share:
    probes = {dtype: peaks.of(dtype) for dtype in case.operations}
    if not all(probes.values()):
        return Share()
    top = ceiling(case.operations, probes, timings)
    return Share(top.timing.over(timings[OURS]), top.winners)


def _product(case: ProductCase, settings: Settings) -> tuple[Work, float, dict[str, Work]]:
    framework = settings.framework
    shapes = {"a": (case.rows, case.inner), "b": (case.inner, case.cols)}
    host = {
        name: _content(shape, case.compute, k) for k, (name, shape) in enumerate(shapes.items())
    }
    a = framework.upload(host["a"])
    b = None if case.kind == GRAM else framework.upload(host["b"])
    c = framework.empty(case.rows * case.cols, case.compute).reshape(case.rows, case.cols)

    def call() -> None:
        if b is None:
            products.gram(a, out=c)
        else:
            products.multiply(a, b, out=c)

    call()
    right = host["a"].T if b is None else host["b"]
    error = error_of(case, host["a"], right, framework.download(c))
    rivals = rivals_of(settings, case.name, lambda rival: rival.product(a, b))
    return call, error, rivals


def _content(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    """Gaussian values, repeated where they are many."""
    values = np.random.default_rng(seed).standard_normal(min(_PERIOD, math.prod(shape)), np.float32)
    return np.resize(values, shape).astype(host_dtype(dtype))


def error_of(case: ProductCase, a: Array, b: Array, c: Array) -> float:
    """The largest error in rows here and there, in units of the bound of `polar.products`.

    Infinite for NaN, and where a symmetric product is not exactly symmetric.
    """
    if case.kind == GRAM and not np.array_equal(c, c.T):
        return math.inf
    wide = np.longdouble if case.compute == "float64" else np.float64
    some = slice(None, None, max(1, case.rows // (_SAMPLED if wide is np.float64 else _FEW)))
    x, y = a[some].astype(wide), b.astype(wide)
    exact, magnitude = x @ y, np.abs(x) @ np.abs(y)
    sums = "float64" if case.compute == "float64" else "float32"
    is_half = case.compute == "bfloat16"
    room = (case.inner + 6) * UNIT[sums] * (_CUT if is_half else 1) * magnitude
    if is_half:
        room = room + UNIT["bfloat16"] * (np.abs(exact) + room)
    ratio = np.abs(c[some].astype(wide) - exact) / room
    return float(np.max(np.where(np.isnan(ratio), np.inf, ratio)))


def _orthogonalize(case: ListCase, settings: Settings) -> tuple[Work, float, dict[str, Work]]:
    framework, shapes = settings.framework, shapes_of(case)
    content = _content((min(_PERIOD, case.elements),), case.dtype, 0)
    flat, result = (framework.empty(case.elements, case.dtype) for _ in range(2))
    framework.tile(content, flat)
    given, out = split(flat, shapes), split(result, shapes)

    def call() -> None:
        steepest.polar.orthogonalize(
            given,
            case.first.coefficients,
            case.first.steps,
            method=case.first.method,
            compute=case.compute,
            out=out,
        )

    call()
    error = _error_of_list(case, given, out, settings)
    rivals = rivals_of(settings, case.name, lambda rival: rival.orthogonalize(case.first, given))
    return call, error, rivals


def _error_of_list(
    case: ListCase, given: Sequence[Any], out: Sequence[Any], settings: Settings
) -> float:
    """Of the last matrix of each shape: the first may have had the memory of others."""
    download, worst, end = settings.framework.download, 0.0, 0
    for part, count in case.parts:
        end += count
        if min(part.shape[-2:]) > CHECKED:
            continue
        pair = (download(arrays[end - 1]).astype(np.float32) for arrays in (given, out))
        worst = max(worst, bound.error_of(part, *pair))
    return worst


def _row(case: AnyCase, ours: Timing, error: float) -> Row:
    """One host thread makes the calls."""
    return Row.unjudged(
        "polar",
        case,
        ours,
        impl=case.impl,
        dtype=case.compute,
        threads=1,
        error=error,
        flops=case.flops,
    )
