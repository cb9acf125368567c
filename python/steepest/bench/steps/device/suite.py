"""Runs the cases on the device and makes their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...device.run import Settings, each
from ...rivals import Rival
from ...rows import Row, judge
from ...timing import Participant, Timing, interleave
from ..calls import Call, impl_name
from ..ceiling import fraction
from ..suite import OURS
from .buffers import DeviceBuffers, allocate_on
from .calls import graph_step, make_device_call
from .cases import GRAPH, DeviceCase
from .ceiling import probes
from .check import error_of
from .timing import participant


def run(cases: Sequence[DeviceCase], settings: Settings) -> Iterator[list[Row]]:
    """The rows of each case, as they come. A case that fails has none and is noted."""
    return each(cases, settings, measure)


def measure(case: DeviceCase, settings: Settings) -> list[Row]:
    """Checks one step of a case and times it against its ceiling and its rivals."""
    buffers = allocate_on(settings.framework, case)
    call = make_device_call(case, buffers)
    error = error_of(case, buffers, call, settings.notice)
    timings, rivals = _timings(case, buffers, call, settings)
    ours = timings[OURS]
    ceilings = [t for name, t in timings.items() if name.startswith("ceiling ")]
    share = fraction(ours, ceilings)
    nominal = None
    if settings.nominal and case.in_memory:
        nominal = case.bytes / ours.median_s / settings.nominal
    row = _row(case, error, ours)
    compared = [replace(row, rival=r, rival_median_s=timings[r].median_s) for r in rivals]
    return [judge(each, share, nominal) for each in compared or [row]]


def _timings(
    case: DeviceCase, buffers: DeviceBuffers, call: Call, settings: Settings
) -> tuple[dict[str, Timing], list[str]]:
    """Times of everything that takes part in a case, and the names of the rivals among it."""
    step = graph_step(case, buffers) if case.timing == GRAPH else call
    participants = [participant(OURS, step, case, buffers)]
    names = []
    for rival in settings.rivals:
        theirs = _rival(rival, case, buffers, settings)
        if theirs is not None:
            names.append(rival.NAME)
            participants.append(theirs)
    participants += probes(case, buffers, settings.notice)
    return interleave(participants, settings.effort), names


def _rival(
    rival: Rival, case: DeviceCase, buffers: DeviceBuffers, settings: Settings
) -> Participant | None:
    """None where the rival has no such rule, or refuses the arrays."""
    try:
        call = rival.make(case, buffers, 1)
        return None if call is None else participant(rival.NAME, call, case, buffers)
    except Exception as error:  # whatever the rival raises
        message = str(error).strip().partition("\n")[0]
        settings.notice(f"{case.name}: {rival.NAME} left out ({type(error).__name__}: {message})")
        return None


def _row(case: DeviceCase, error: float, ours: Timing) -> Row:
    """A row without a rival, not yet judged. One host thread makes the calls."""
    return Row.unjudged(
        "steps",
        case,
        ours,
        impl=impl_name(case),
        dtype=case.dtype_label,
        threads=1,
        error=error,
        flops=case.flops,
    )
