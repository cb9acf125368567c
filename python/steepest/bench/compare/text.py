"""The comparison of two runs in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..report import aligned, duration
from ..rows import Row
from .changes import FASTER, SAME, SLOWER, WRONG, Band, Change, Comparison
from .machines import differences
from .recorded import Recorded

HEADINGS = (
    "case",
    "call",
    "dtype",
    "thr",
    "before",
    "after",
    "speed",
    "band",
    "ceiling before",
    "after",
    "change",
    "band",
    "",
)
_LEFT = (0, 1, 2, 12)
_BY_THE_CEILING = {FASTER: "nearer to the ceiling", SLOWER: "farther from the ceiling"}


def lines(before: Recorded, after: Recorded, comparison: Comparison) -> Iterator[str]:
    """The whole report: what got slower comes first, rows of one run only last."""
    for difference in differences(before.machine, after.machine):
        yield f"warning: the machines differ, {difference}"
    ordered = [c for verdict in (WRONG, SLOWER, FASTER, SAME) for c in comparison.of(verdict)]
    if ordered:
        yield from aligned([list(HEADINGS), *map(_cells, ordered)], _LEFT)
    yield from _missing("before", comparison.only_before)
    yield from _missing("after", comparison.only_after)
    yield notes()
    yield summary(comparison)


def notes() -> str:
    """What the columns mean."""
    return (
        "speed: median before / after, above 1 it got faster; change: of the fraction of the "
        "ceiling of the same run, above 1 it got nearer; not resolved: the band contains 1"
    )


def summary(comparison: Comparison) -> str:
    """How many rows are what."""
    counts = {verdict: len(comparison.of(verdict)) for verdict in (FASTER, SLOWER, SAME, WRONG)}
    parts = [f"{count} {verdict}" for verdict, count in counts.items() if count or verdict != WRONG]
    only = len(comparison.only_before) + len(comparison.only_after)
    return ", ".join([*parts, f"{only} in one run only"])


def label(row: Row) -> str:
    """A row in words."""
    return f"{row.case} ({row.impl}, {row.dtype}, threads: {row.threads})"


def _missing(run: str, rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        yield f"only in the run {run}:"
        yield from (f"  {row.family}: {label(row)}" for row in rows)


def _cells(change: Change) -> list[str]:
    before, after = change.before, change.after
    times = [duration(row.median_s) if row.counts else "wrong" for row in (before, after)]
    shares = [
        "" if row.ceiling_fraction is None else f"{100 * row.ceiling_fraction:.0f} %"
        for row in (before, after)
    ]
    named = [before.case, before.impl, before.dtype, str(before.threads)]
    return [*named, *times, *_band(change.speed), *shares, *_band(change.share), _verdict(change)]


def _band(band: Band | None) -> list[str]:
    return ["", ""] if band is None else [f"{band.ratio:.2f}", f"{band.low:.2f}..{band.high:.2f}"]


def _verdict(change: Change) -> str:
    if change.share is None or change.share.verdict not in _BY_THE_CEILING:
        return change.verdict
    return f"{change.verdict}, {_BY_THE_CEILING[change.share.verdict]}"
