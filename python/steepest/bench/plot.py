"""One picture of a report."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .report import processor
from .rows import Row

_MOST_CASES = 30  # of a panel, where there are several


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


@contextmanager
def canvas(path: str, size: tuple[float, float], machine: Mapping[str, Any]) -> Iterator[Any]:
    """A figure of that size in inches to draw on, titled by the machine; written as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=size, layout="constrained")
    try:
        yield figure
        ours = machine["steepest"]
        title = f"steepest {ours['version']}, {ours['target']}: {machine['cpu']}"
        if "device" in machine:
            title = f"steepest {ours['version']}, CUDA: {processor(machine)}"
        figure.suptitle(title, fontsize=11)
        figure.savefig(path, dpi=130)
    finally:
        pyplot.close(figure)


def save(rows: Sequence[Row], machine: Mapping[str, Any], path: str) -> None:
    """Writes bars of the fraction of the ceiling, and of the ratio to each rival, as a PNG.

    Of one family all rows; of several a panel for each, with what `overview` leaves.
    """
    families = {row.family: [r for r in rows if r.family == row.family] for row in rows}
    parts = list(families.values())
    if len(parts) > 1:
        parts = [overview(part) for part in parts]
    across = min(2, len(parts))
    heights = [
        max(1.6 + 0.36 * len(_labels(part)) for part in parts[first : first + across])
        for first in range(0, len(parts), across)
    ]
    with canvas(path, (14 * across, sum(heights)), machine) as figure:
        panels = figure.subfigures(len(heights), across, squeeze=False, height_ratios=heights)
        for panel, part in zip(panels.flat, parts, strict=False):
            if len(parts) > 1:
                panel.suptitle(part[0].family)
            _plot_panel(panel, part)


def overview(rows: Sequence[Row]) -> list[Row]:
    """The rows of at most 30 cases, those with rivals first, and of each the closest rival's."""
    closest: dict[str, Row] = {}
    for row in rows:
        best = closest.setdefault(_label(row), row)
        if row.ratio is not None and (best.ratio is None or row.ratio < best.ratio):
            closest[_label(row)] = row
    chosen = sorted(closest, key=lambda label: closest[label].ratio is None)[:_MOST_CASES]
    return [row for label, row in closest.items() if label in chosen]


def _plot_panel(figure: Any, rows: Sequence[Row]) -> None:
    labels = _labels(rows)
    left, right = figure.subplots(1, 2, sharey=True)
    _plot_ceilings(left, rows, labels)
    _plot_ratios(right, rows, labels)
    left.set_yticks(range(len(labels)), labels, fontsize=9)
    left.set_ylim(len(labels) - 0.4, -0.6)


def _labels(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(_label(row) for row in rows))


def _label(row: Row) -> str:
    if row.impl in ("steps.Plan", "optim.AdamW"):
        return f"{row.case}, {row.impl.removeprefix('steps.')}"
    return row.case


def _plot_ceilings(axes: Any, rows: Sequence[Row], labels: Sequence[str]) -> None:
    """Rows without a ceiling, because they do not move memory, have no bar."""
    shares = {_label(row): row.ceiling_fraction for row in rows}
    found = [(k, share) for k, label in enumerate(labels) if (share := shares[label]) is not None]
    bars = axes.barh([k for k, _ in found], [100 * share for _, share in found], color="#3b6ea5")
    axes.bar_label(bars, fmt="%.0f", label_type="center", color="white", fontsize=8)
    axes.set_xlim(0, 120)
    axes.axvline(100, color="black", linewidth=0.8)
    axes.set_xlabel(f"% of the {' or the '.join(_ceilings(rows))}")


def _ceilings(rows: Sequence[Row]) -> list[str]:
    names = {False: "memory ceiling", True: "peak of arithmetic"}
    return [names[kind] for kind in dict.fromkeys(row.is_compute_bound for row in rows)]


def _plot_ratios(axes: Any, rows: Sequence[Row], labels: Sequence[str]) -> None:
    """Times of the rivals as multiples of ours, on a logarithmic axis from 1."""
    compared = [row for row in rows if row.ratio is not None]
    rivals = list(dict.fromkeys(row.rival for row in compared))
    # Side by side, but where no case has two of them.
    beside = len(rivals) if len(compared) > len(_labels(compared)) else 1
    thickness = 0.84 / max(1, beside)
    for number, rival in enumerate(rivals):
        mine = [row for row in compared if row.rival == rival]
        place = (number % max(1, beside) + 0.5) * thickness
        at = [labels.index(_label(r)) - 0.42 + place for r in mine]
        ratios = [row.ratio or 1.0 for row in mine]
        bars = axes.barh(at, [r - 1 for r in ratios], thickness, left=1, label=rival)
        axes.bar_label(bars, [f"{r:.3g}" for r in ratios], padding=2, fontsize=7)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("rival's time / ours (right of 1: we are faster)")
    if compared:
        axes.set_xscale("log")
        axes.margins(x=0.15)
        axes.legend(fontsize=8)
