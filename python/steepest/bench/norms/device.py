"""The norm report on a GPU: the wall time of a call, which waits for its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from steepest import _core

from ...norms import report
from ..device import memory
from ..device.run import Settings, each
from ..device.work import Prepared, Work, rivals_of, rows
from ..rows import Row
from ..steps.device.streaming import Stream
from ..steps.device.timing import looped
from ..timing import Timing
from .cases import GPT2, ReportCase
from .reports import error_of, split

_PERIOD = 1_000_003  # elements after which the content repeats


def cases(*, quick: bool) -> tuple[ReportCase, ...]:
    """All cases; an eighth of every side if ``quick``."""
    divisor = 8 if quick else 1
    made = []
    for name, shapes in (("GPT-2", GPT2), ("8192x8192", ((8192, 8192),))):
        divided = tuple((rows // divisor, cols // divisor) for rows, cols in shapes)
        made.append(ReportCase(f"{name}{'/8' if quick else ''} report", divided))
    return tuple(made)


def run(cases: Sequence[ReportCase], settings: Settings) -> Iterator[list[Row]]:
    """The rows of each case, as they come. A case that fails has none and is noted."""
    return each(cases, settings, measure)


def measure(case: ReportCase, settings: Settings) -> list[Row]:
    """Checks one call of a case and times it against its ceiling and its rivals."""
    flat = settings.framework.empty(case.elements, "float32")
    content = np.random.default_rng(0).standard_normal(min(_PERIOD, case.elements), np.float32)
    settings.framework.tile(content, flat)
    matrices = split(case, flat)
    walk = [Stream("r", flat, "float32")]
    work = Prepared(
        lambda: report(matrices),
        _error(case, flat, matrices, settings),
        partial(_timed, settings),
        memory.probes(case.name, [walk], case.elements, case.bytes, settings),
        rivals_of(settings, case.name, lambda rival: rival.report(matrices)),
        moved=case.bytes,
    )
    return rows(partial(_row, case), work, settings)


def _timed(settings: Settings, name: str, work: Work) -> Any:
    return looped(name, settings.framework, work)


def _error(case: ReportCase, flat: Any, matrices: Sequence[Any], settings: Settings) -> float:
    """The CPU's. Infinite where the device has other bits."""
    host = split(case, settings.framework.download(flat))
    found = _core.norm_reports(list(matrices), True)
    if not np.array_equal(found, _core.norm_reports(host, True)):
        settings.notice(f"{case.name}: not the CPU's bits")
        return math.inf
    return error_of(host)


def _row(case: ReportCase, ours: Timing, error: float) -> Row:
    return Row.unjudged(
        "norms", case, ours, impl=case.impl, dtype="float32", threads=1, error=error, flops=0
    )
