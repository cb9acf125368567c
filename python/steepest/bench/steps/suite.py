"""Runs the cases of the steps and makes their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import steepest

from ..rivals import Rival
from ..rows import Row, judge
from ..timing import Effort, Timing, interleave, repeated
from . import clip_cases, low_rank
from .buffers import Arena, Buffers, allocate
from .calls import Call, impl_name, make_call
from .cases import Case
from .ceiling import fraction, probes
from .check import error_of
from .clip_cases import ClipCase
from .low_rank import LowRankCase

OURS = "steepest"


@dataclass(frozen=True)
class Settings:
    """How to run a suite."""

    effort: Effort
    threads: int
    rivals: Sequence[Rival] = ()


AnyCase: TypeAlias = Case | ClipCase | LowRankCase


def run(cases: Sequence[AnyCase], settings: Settings) -> Iterator[list[Row]]:
    """The rows of each case, as they come: one per rival, or a single one without rivals."""
    arena = Arena()
    before = steepest.cpu.threads()
    try:
        for case in cases:
            effort, threads = settings.effort, settings.threads
            if isinstance(case, LowRankCase):
                yield low_rank.measure(case, effort, threads, settings.rivals)
            elif isinstance(case, ClipCase):
                yield clip_cases.measure(case, effort, threads, settings.rivals)
            else:
                yield measure(case, settings, arena)
    finally:
        steepest.cpu.set_threads(before)


def measure(case: Case, settings: Settings, arena: Arena) -> list[Row]:
    """Checks one step of a case and times it against its ceiling and its rivals."""
    threads = 1 if case.single_thread else settings.threads
    steepest.cpu.set_threads(threads)
    buffers = allocate(case, arena)
    call = make_call(case, buffers)
    error = error_of(case, buffers, call)
    timings, rivals = _timings(case, buffers, call, threads, settings)
    ceilings = [t for name, t in timings.items() if name.startswith("ceiling ")]
    share = fraction(timings[OURS], ceilings)
    row = _row(case, threads, error, timings[OURS])
    compared = [replace(row, rival=r, rival_median_s=timings[r].median_s) for r in rivals]
    return [judge(each, share) for each in compared or [row]]


def _timings(
    case: Case, buffers: Buffers, call: Call, threads: int, settings: Settings
) -> tuple[dict[str, Timing], list[str]]:
    """Times of everything that takes part in a case, and the names of the rivals among it."""
    participants = [repeated(OURS, call, buffers.fresh_grads)]
    names = []
    for rival in settings.rivals:
        theirs = rival.make(case, buffers, threads)
        if theirs is not None:
            names.append(rival.NAME)
            participants.append(repeated(rival.NAME, theirs, buffers.fresh_grads))
    participants += probes(case, buffers, threads)
    return interleave(participants, settings.effort), names


def _row(case: Case, threads: int, error: float, ours: Timing) -> Row:
    """A row without a rival, not yet judged."""
    return Row.unjudged(
        "steps",
        case,
        ours,
        impl=impl_name(case),
        dtype=case.dtype_label,
        threads=threads,
        error=error,
        flops=case.flops,
    )
