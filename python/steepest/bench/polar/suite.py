"""Runs the cases of orthogonalisation and makes their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import steepest

from ..rivals import PolarRival
from ..rows import Row, judge
from ..steps.suite import OURS
from ..timing import Effort, Timing, interleave, repeated
from . import blas, bound
from .cases import Case
from .matrices import Call, Matrices, allocate, make_call, nothing
from .peak import FULL_SIDE, Peaks, ceiling


@dataclass(frozen=True)
class Settings:
    """How to run a suite."""

    effort: Effort
    threads: int
    rivals: Sequence[PolarRival] = ()
    peak_side: int = FULL_SIDE


def run(cases: Sequence[Case], settings: Settings) -> Iterator[list[Row]]:
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


def measure(case: Case, settings: Settings, peaks: Peaks) -> list[Row]:
    """Checks one call of a case and times it against the peak and its rivals."""
    matrices = allocate(case)
    call = make_call(case, matrices)
    call(None)
    error = bound.error_of(case, matrices.given, matrices.result)
    timings, rivals = _timings(case, matrices, call, settings, peaks)
    probes = {dtype: peaks.of(dtype) for dtype in case.operations}
    share = ceiling(case.operations, probes, timings).over(timings[OURS])
    row = _row(case, settings.threads, error, timings[OURS])
    compared = [replace(row, rival=r, rival_median_s=timings[r].median_s) for r in rivals]
    return [judge(each, share) for each in compared or [row]]


def _timings(
    case: Case, matrices: Matrices, call: Call, settings: Settings, peaks: Peaks
) -> tuple[dict[str, Timing], list[str]]:
    """Times of everything that takes part in a case, and the names of the rivals among it."""
    participants = [repeated(OURS, call, nothing)]
    names = []
    for rival in settings.rivals:
        theirs = rival.make(case, matrices, settings.threads)
        if theirs is not None:
            names.append(rival.NAME)
            participants.append(repeated(rival.NAME, theirs, nothing))
    for dtype in case.operations:
        participants += [probe.participant for probe in peaks.of(dtype)]
    return interleave(participants, settings.effort), names


def _row(case: Case, threads: int, error: float, ours: Timing) -> Row:
    """A row without a rival, not yet judged."""
    return Row(
        family="polar",
        case=case.name,
        impl=case.impl,
        dtype=case.compute,
        threads=threads,
        median_s=ours.median_s,
        p10_s=ours.p10_s,
        p90_s=ours.p90_s,
        bytes=case.bytes,
        flops=case.flops,
        ceiling_fraction=None,
        error=error,
        rival=None,
        rival_median_s=None,
        ratio=None,
    )
