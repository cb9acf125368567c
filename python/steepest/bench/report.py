"""The report on the terminal."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .rows import Row

HEADINGS = (
    "case",
    "call",
    "dtype",
    "thr",
    "median",
    "p10..p90",
    "GB/s",
    "GFLOP/s",
    "ceiling",
    "nominal",
    "error",
    "rival",
    "rival's",
    "ratio",
)
_LEFT = {"case", "call", "dtype", "rival"}
_OURS = 11  # columns that are the same for all rivals of a case

_CEILINGS = {
    False: "our speed in % of the best streaming loop's with the same reads and writes",
    True: "our speed in % of the fastest multiply-add loop or large products in the same run; "
    "GFLOP/s: useful ones",
}


def show(rows: Sequence[Row], machine: dict[str, Any]) -> None:
    """Prints the table: by rich on a terminal, as plain text elsewhere."""
    print(headline(machine))
    if importlib.util.find_spec("rich") is not None and sys.stdout.isatty():
        _show_rich(rows)
    else:
        print("\n".join(table_lines(rows)))
    print(notes(rows))
    print(summary(rows))


def notes(rows: Sequence[Row]) -> str:
    """What the columns mean."""
    kinds = dict.fromkeys(row.is_compute_bound for row in rows)
    return "; ".join(
        [
            *(f"ceiling: {_CEILINGS[kind]}" for kind in kinds),
            "nominal: in % of the GPU's data sheet",
            "error: in units of its bound",
            "ratio: rival's time / ours, above 1 we are faster",
        ]
    )


def headline(machine: dict[str, Any]) -> str:
    """The machine in a line, or its GPU where that was measured."""
    ours = machine["steepest"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{processor(machine)}; "
        f"steepest {ours['version']} ({ours['target']}, {ours['compiler']}); {packages}"
    )


def processor(machine: Mapping[str, Any]) -> str:
    """What ran: the GPU with its driver, or else the CPU."""
    gpu = machine.get("device")
    if gpu is None:
        return f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    peak = gpu.get("nominal_bytes_per_s")
    speed = f", {peak / 1e12:g} TB/s nominal" if peak else ""
    return (
        f"{gpu['name']}, {gpu['memory_gib']} GiB{speed}, driver {gpu.get('driver')}, "
        f"CUDA {gpu.get('cuda_runtime')}, {gpu['arrays']}"
    )


def summary(rows: Sequence[Row]) -> str:
    """How many rows lose, and how many do not count."""
    wrong = sorted({row.case for row in rows if not row.counts})
    compared = [row for row in rows if row.ratio is not None]
    lost = sum(row.loses for row in compared)
    lines = [f"{lost} of {len(compared)} comparisons lost"] if compared else []
    if wrong:
        lines.append(f"errors beyond the bound, speed not counted: {', '.join(wrong)}")
    return "; ".join(lines) or "all errors within their bounds"


def table_lines(rows: Sequence[Row]) -> list[str]:
    """The table as plain text, a heading and a line per row."""
    shown = shown_columns(rows)
    cells = [[line[k] for k in shown] for line in (list(HEADINGS), *table_cells(rows))]
    return aligned(cells, [n for n, k in enumerate(shown) if HEADINGS[k] in _LEFT])


def aligned(cells: Sequence[Sequence[str]], left: Collection[int]) -> list[str]:
    """Lines of cells in columns: those with these numbers to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if k in left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def shown_columns(rows: Sequence[Row]) -> list[int]:
    """Numbers of the columns: all but those in which no row has anything."""
    optional = {
        "nominal": any(row.nominal_fraction is not None for row in rows),
        "GB/s": not all(row.is_compute_bound for row in rows),
        "GFLOP/s": any(row.is_compute_bound for row in rows),
    }
    return [k for k, name in enumerate(HEADINGS) if optional.get(name, True)]


def table_cells(rows: Sequence[Row]) -> list[list[str]]:
    """The cells of each row; what repeats from the row above is left out."""
    cells = []
    last: tuple[str, ...] = ()
    for row in rows:
        line = [*_our_cells(row), *_rival_cells(row)]
        key = (row.case, row.impl)
        if key == last:
            line[:_OURS] = [""] * _OURS
        last = key
        cells.append(line)
    return cells


def _our_cells(row: Row) -> list[str]:
    return [
        row.case,
        row.impl,
        row.dtype,
        str(row.threads),
        duration(row.median_s),
        f"{duration(row.p10_s)}..{duration(row.p90_s)}",
        "" if row.is_compute_bound else f"{row.bytes / row.median_s / 1e9:.1f}",
        f"{row.flops / row.median_s / 1e9:.1f}" if row.is_compute_bound else "",
        _percent(row.ceiling_fraction),
        _percent(row.nominal_fraction),
        f"{row.error:.2f}" if row.counts else f"{row.error:.3g} WRONG",
    ]


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.0f} %"


def _rival_cells(row: Row) -> list[str]:
    if row.rival is None or row.rival_median_s is None:
        return ["", "", ""]
    ratio = "not counted" if row.ratio is None else f"{row.ratio:.2f}"
    return [row.rival, duration(row.rival_median_s), f"{ratio} LOST" if row.loses else ratio]


def duration(seconds: float) -> str:
    """Three digits with a fitting unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _show_rich(rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    shown = shown_columns(rows)
    for heading in (HEADINGS[k] for k in shown):
        justify: Any = "left" if heading in _LEFT else "right"
        table.add_column(heading, justify=justify, no_wrap=heading not in _LEFT)
    for row, cells in zip(rows, table_cells(rows), strict=True):
        style = "red" if not row.counts else "yellow" if row.loses else None
        table.add_row(*(cells[k] for k in shown), style=style)
    Console().print(table)
