"""Runs the cases of distributed optimizers and makes their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import steepest
from steepest import _core

from ..rivals import DistributedRival
from ..rows import Row, judge
from ..steps.ceiling import fraction
from ..steps.suite import OURS
from ..timing import Effort, Participant, Timing, fastest, interleave, repeated, repeated_probe
from .arrays import Arrays, Call, allocate, make_call, nothing
from .cases import Case
from .check import error_of

_KEPT = 3  # streaming loops that go on to the interleaved measurement
_CEILING = "ceiling "


@dataclass(frozen=True)
class Settings:
    """How to run a suite."""

    effort: Effort
    threads: int
    rivals: Sequence[DistributedRival] = ()


def run(cases: Sequence[Case], settings: Settings) -> Iterator[list[Row]]:
    """The rows of each case, as they come: one per rival, or a single one without rivals."""
    before = steepest.cpu.threads()
    steepest.cpu.set_threads(settings.threads)
    try:
        for case in cases:
            yield measure(case, settings)
    finally:
        steepest.cpu.set_threads(before)


def measure(case: Case, settings: Settings) -> list[Row]:
    """Checks one call of a case and times it against its ceiling and its rivals."""
    arrays = allocate(case)
    call = make_call(case, arrays)
    error = error_of(case, arrays)
    timings, rivals = _timings(case, arrays, call, settings)
    ceilings = [t for name, t in timings.items() if name.startswith(_CEILING)]
    share = fraction(timings[OURS], ceilings)
    row = Row.unjudged(
        "distributed", case, timings[OURS], impl=case.impl, dtype=case.dtype,
        threads=settings.threads, error=error, flops=case.flops,
    )  # fmt: skip
    compared = [replace(row, rival=r, rival_median_s=timings[r].median_s) for r in rivals]
    return [judge(each, share) for each in compared or [row]]


def _timings(
    case: Case, arrays: Arrays, call: Call, settings: Settings
) -> tuple[dict[str, Timing], list[str]]:
    """Times of everything that takes part in a case, and the names of the rivals among it."""
    participants = [repeated(OURS, call, nothing)]
    names = []
    for rival in settings.rivals:
        theirs = rival.make(case, arrays)
        if theirs is not None:
            names.append(rival.NAME)
            participants.append(repeated(rival.NAME, theirs, nothing))
    participants += _probes(case, arrays, settings.threads)
    return interleave(participants, settings.effort), names


def _probes(case: Case, arrays: Arrays, threads: int) -> list[Participant]:
    """The fastest streaming loops over the same arrays."""
    read, update, write = (
        [arrays[name] for name in names] for names in (case.read, case.update, case.write)
    )

    def probe(variant: int) -> Participant:
        name = _CEILING + _core.stream_ceiling_variants()[variant]
        return repeated_probe(
            name, lambda: _core.stream_ceiling(read, update, write, variant, threads)
        )

    return fastest([probe(k) for k in range(len(_core.stream_ceiling_variants()))], _KEPT)
