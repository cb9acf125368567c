"""Runs the cases of orthogonalisation and makes their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import steepest

from ..rivals import PolarRival
from ..rows import Row, judge
from ..steps.suite import OURS
from ..timing import Effort, Timing, interleave, repeated
from . import blas
from .matrices import nothing
from .peak import FULL_SIDE, Peaks, ceiling
from .preparation import AnyCase, Prepared, prepare


@dataclass(frozen=True)
class Settings:
    """How to run a suite."""

    effort: Effort
    threads: int
    rivals: Sequence[PolarRival] = ()
    peak_side: int = FULL_SIDE


def run(cases: Sequence[AnyCase], settings: Settings) -> Iterator[list[Row]]:
    """The rows of each case, as they come: one per rival, or a single one without rivals."""
    before = steepest.cpu.threads()
    steepest.cpu.set_threads(settings.threads)
    try:
        with blas.limited(settings.threads):
            peaks = Peaks(settings.peak_side, settings.threads)
            for case in cases:
                yield measure(case, settings, peaks)
    finally:
        steepest.cpu.set_threads(before)


def measure(case: AnyCase, settings: Settings, peaks: Peaks) -> list[Row]:
    """Checks one call of a case and times it against the peak and its rivals."""
    prepared = prepare(case, settings.rivals, settings.threads)
    timings = _timings(case, prepared, settings, peaks)
    probes = {dtype: peaks.of(dtype) for dtype in case.operations}
    top = ceiling(case.operations, probes, timings)
    row = replace(
        _row(case, settings.threads, prepared.error, timings[OURS]), ceiling_by=top.winners
    )
    compared = [replace(row, rival=r, rival_median_s=timings[r].median_s) for r in prepared.rivals]
    return [judge(each, top.timing.over(timings[OURS])) for each in compared or [row]]


def _timings(
    case: AnyCase, prepared: Prepared, settings: Settings, peaks: Peaks
) -> dict[str, Timing]:
    """Times of everything that takes part in a case."""
    participants = [repeated(OURS, prepared.call, nothing)]
    participants += [repeated(name, call, nothing) for name, call in prepared.rivals.items()]
    for dtype in case.operations:
        participants += [probe.participant for probe in peaks.of(dtype)]
    return interleave(participants, settings.effort)


def _row(case: AnyCase, threads: int, error: float, ours: Timing) -> Row:
    """A row without a rival, not yet judged."""
    return Row.unjudged(
        "polar",
        case,
        ours,
        impl=case.impl,
        dtype=case.compute,
        threads=threads,
        error=error,
        flops=case.flops,
    )
