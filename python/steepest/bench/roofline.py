"""The roofline of a run: operations per byte against operations per second, under the ceilings.

Williams, Waterman and Patterson, "Roofline", Communications of the ACM 52 (4), 2009.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import ceilings
from .plot import canvas
from .rows import Row, by_case

_MARKS = {"steps": "o", "polar": "s", "curvature": "^", "norms": "D", "distributed": "v"}


@dataclass(frozen=True)
class Point:
    """One row: useful operations per byte that must be moved, and operations per second."""

    family: str
    intensity: float
    rate: float


def points(rows: Sequence[Row]) -> list[Point]:
    """Of the rows that count and have both bytes and operations, one for each case."""
    return [
        Point(r.family, r.flops / r.bytes, r.flops / r.median_s)
        for r in by_case(rows).values()
        if r.counts and r.bytes and r.flops
    ]


def roof(intensity: float, stream: float, peak: float) -> float:
    """The most operations per second at an intensity."""
    return min(peak, stream * intensity)


def save(rows: Sequence[Row], machine: Mapping[str, Any], path: str) -> None:
    """Writes the picture as a PNG. The machine's ceilings are those of `ceilings.measure`."""
    found = points(rows)
    with canvas(path, (9.0, 6.0), machine) as figure:
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        _draw_points(axes, found)
        _draw_roofs(axes, found, machine["ceilings"])
        axes.set_xlabel("operations per byte")
        axes.set_ylabel("operations per second")
        axes.grid(which="major", alpha=0.3)
        if found:
            axes.legend(fontsize=8, loc="lower right")


def _draw_points(axes: Any, found: Sequence[Point]) -> None:
    for family, mark in _MARKS.items():
        mine = [p for p in found if p.family == family]
        if mine:
            x, y = [p.intensity for p in mine], [p.rate for p in mine]
            axes.scatter(x, y, s=22, marker=mark, alpha=0.7, label=family, zorder=3)


def _draw_roofs(axes: Any, found: Sequence[Point], measured: Mapping[str, float]) -> None:
    """The slope of memory up to the ridge of each peak. Points above it are in the caches."""
    stream, peaks = measured[ceilings.STREAM], ceilings.peaks(measured)
    ridges = [peak / stream for peak in peaks.values()]
    least = min([p.intensity for p in found] + ridges) / 2
    most = max([p.intensity for p in found] + ridges) * 2
    for (dtype, peak), ridge in zip(peaks.items(), ridges, strict=True):
        x = [least, ridge, most]
        axes.plot(x, [roof(each, stream, peak) for each in x], color="black", linewidth=0.9)
        text = f"{dtype} {peak / 1e9:.0f} GFLOP/s"
        axes.annotate(text, (most, peak), ha="right", va="bottom", fontsize=8)
    text = f"memory {stream / 1e9:.1f} GB/s"
    axes.annotate(text, (least, stream * least), ha="left", va="top", fontsize=8)
