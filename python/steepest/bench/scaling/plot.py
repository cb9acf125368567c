"""The picture of the scaling rows: a column of panels for each axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..plot import canvas
from ..rows import Row, by_case

Line = list[Row]  # in the order of the axis


def save(rows: Sequence[Row], machine: Mapping[str, Any], path: str) -> None:
    """Writes a PNG: above the time of a call with its spread, below what it achieves."""
    found = lines(rows)
    axes = list(dict.fromkeys(axis for axis, _ in found))
    with canvas(path, (1 + 4.2 * len(axes), 8.0), machine) as figure:
        panels = figure.subplots(2, len(axes), squeeze=False, sharex="col")
        for column, axis in enumerate(axes):
            for (of_axis, call), line in found.items():
                if of_axis == axis:
                    _draw(panels[0][column], panels[1][column], call, line)
            _finish(panels[0][column], panels[1][column], axis)


def lines(rows: Sequence[Row]) -> dict[tuple[str, str], Line]:
    """The rows that count by axis and call, in the order of the axis."""
    found: dict[tuple[str, str], Line] = {}
    for row in by_case(rows).values():
        if row.axis is not None and row.counts:
            found.setdefault((row.axis, row.case.partition(" ")[0]), []).append(row)
    return {key: sorted(line, key=lambda row: row.at or 0) for key, line in found.items()}


def achieved(line: Line) -> list[float]:
    """With threads, how many times as fast as on the fewest; else work per second, of the most."""
    if line[0].axis == "threads":
        return [line[0].median_s / row.median_s for row in line]
    rates = [(row.flops or row.bytes) / row.median_s for row in line]
    return [rate / max(rates) for rate in rates]


def _draw(above: Any, below: Any, call: str, line: Line) -> None:
    at = [row.at for row in line]
    (drawn,) = above.plot(at, [row.median_s for row in line], marker="o", markersize=3, label=call)
    low, high = [row.p10_s for row in line], [row.p90_s for row in line]
    above.fill_between(at, low, high, color=drawn.get_color(), alpha=0.25, linewidth=0)
    below.plot(at, achieved(line), marker="o", markersize=3, color=drawn.get_color(), label=call)


def _finish(above: Any, below: Any, axis: str) -> None:
    for panel in (above, below):
        panel.set_xscale("log", base=2)
        panel.grid(alpha=0.3)
    above.set_yscale("log")
    above.set_ylabel("seconds per call")
    above.legend(fontsize=8)
    below.set_xlabel(axis)
    below.set_ylim(bottom=0)
    below.set_ylabel("speedup" if axis == "threads" else "work per second, of the most")
