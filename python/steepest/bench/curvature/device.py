"""Probes and their statistics on a GPU, and MKOR's update.

Probes and statistics are timed as GPU time of calls that follow one another, the update, which
waits for its numbers, as the wall time of a call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from ..device import memory
from ..device.run import Settings, each
from ..device.work import Prepared, rivals_of, rows
from ..rows import Row
from ..steps.device.streaming import Stream
from ..steps.device.timing import enqueued, looped
from ..timing import Participant, Timing
from .arrays import Arrays, allocate, make_call
from .cases import Case
from .cases import cases as host_cases
from .check import error_of

FULL_ELEMENTS = 1 << 26  # beyond the cache of any GPU
QUICK_ELEMENTS = 1 << 22


def cases(*, quick: bool, elements: int | None = None) -> tuple[Case, ...]:
    """The CPU's cases but the estimates, most of whose time is the operator's."""
    size = elements or (QUICK_ELEMENTS if quick else FULL_ELEMENTS)
    return tuple(case for case in host_cases(quick=quick, elements=size) if not case.probes)


def run(cases: Sequence[Case], settings: Settings) -> Iterator[list[Row]]:
    """The rows of each case, as they come. A case that fails has none and is noted."""
    return each(cases, settings, measure)


def measure(case: Case, settings: Settings) -> list[Row]:
    """Checks one call of a case and times it against its ceiling and its rivals."""
    arrays = {name: settings.framework.upload(a) for name, a in allocate(case).items()}
    call = make_call(case, arrays)
    error = _error(case, arrays, call(None), settings)
    work = Prepared(
        lambda: call(None),
        error,
        partial(_timed, case, settings),
        _probes(case, arrays, settings),
        rivals_of(settings, case.name, lambda rival: rival.curvature(case, arrays)),
        moved=case.bytes,
    )
    return rows(partial(_row, case), work, settings)


def _timed(case: Case, settings: Settings, name: str, work: Any) -> Participant:
    make = looped if case.call == "mkor_update" else enqueued
    return make(name, settings.framework, work)


def _error(case: Case, arrays: Arrays, result: Any, settings: Settings) -> float:
    """That of the CPU's call on the same content. Infinite where the device has other bits."""
    framework, host = settings.framework, allocate(case)
    expected = make_call(case, host)(None)
    wrong = [
        name
        for name in (*case.update, *case.write)
        if framework.differences(arrays[name].reshape(-1), host[name].reshape(-1))
    ]
    if case.call == "accumulate" and float(result) != float(expected):  # type: ignore[arg-type]
        wrong.append("the sum")
    if wrong:
        settings.notice(f"{case.name}: not the CPU's bits: {', '.join(wrong)}")
        return math.inf
    return error_of(case, host)


def _probes(case: Case, arrays: Arrays, settings: Settings) -> list[Participant]:
    def streams(kind: str, names: Sequence[str]) -> list[Stream]:
        return [Stream(kind, arrays[name], case.dtype) for name in names]

    main = [*streams("r", case.read), *streams("u", case.update), *streams("w", case.write)]
    walks = [walk for walk in (streams("r", case.first), main) if walk]
    return memory.probes(case.name, walks, case.elements, case.bytes, settings)


def _row(case: Case, ours: Timing, error: float) -> Row:
    return Row.unjudged(
        "curvature",
        case,
        ours,
        impl=case.impl,
        dtype=case.dtype,
        threads=1,
        error=error,
        flops=case.flops,
    )
