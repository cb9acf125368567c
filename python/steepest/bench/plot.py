"""One picture of a report."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .report import processor
from .rows import Row


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
    """Writes bars of the fraction of the ceiling, and of the ratio to each rival, as a PNG."""
    labels = list(dict.fromkeys(_label(row) for row in rows))
    with canvas(path, (14, 1.6 + 0.36 * len(labels)), machine) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        _plot_ceilings(left, rows, labels)
        _plot_ratios(right, rows, labels)
        left.set_yticks(range(len(labels)), labels, fontsize=9)
        left.set_ylim(len(labels) - 0.4, -0.6)


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
    thickness = 0.84 / max(1, len(rivals))
    for number, rival in enumerate(rivals):
        mine = [row for row in compared if row.rival == rival]
        at = [labels.index(_label(r)) - 0.42 + (number + 0.5) * thickness for r in mine]
        ratios = [row.ratio or 1.0 for row in mine]
        bars = axes.barh(at, [r - 1 for r in ratios], thickness, left=1, label=rival)
        axes.bar_label(bars, [f"{r:.3g}" for r in ratios], padding=2, fontsize=7)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("rival's time / ours (right of 1: we are faster)")
    if compared:
        axes.set_xscale("log")
        axes.margins(x=0.15)
        axes.legend(fontsize=8)
