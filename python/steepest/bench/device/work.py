"""A case of any family made ready for the device, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..rows import Row, judge
from ..timing import Participant, Timing, interleave
from .run import Settings

OURS = "steepest"
CEILING = "ceiling "  # names of the probes begin so
Work = Callable[[], object]  # enqueues a call, or makes it


@dataclass(frozen=True)
class Share:
    """Of the ceiling: its time over ours, None where there is none, and by which probes."""

    fraction: float | None = None
    winners: str | None = None


def best_probe(timings: Mapping[str, Timing]) -> Share:
    """By the fastest of probes that take the ceiling's time for the work of the case."""
    of_probes = [timing for name, timing in timings.items() if name.startswith(CEILING)]
    return Share(min((timing.over(timings[OURS]) for timing in of_probes), default=None))


@dataclass(frozen=True)
class Prepared:
    """What is timed, with ``make`` as `enqueued` or `looped` does it, and how it is judged."""

    call: Work
    error: float  # of one call, in units of its bound
    make: Callable[[str, Work], Participant]
    probes: Sequence[Participant] = ()
    rivals: Mapping[str, Work] = field(default_factory=dict)
    share: Callable[[Mapping[str, Timing]], Share] = best_probe
    moved: int = 0  # bytes that the data sheet's bandwidth is compared with; 0: none


def rows(row: Callable[[Timing, float], Row], work: Prepared, settings: Settings) -> list[Row]:
    """Times a case in turns with its probes and rivals: a row for each rival, or one without.

    row : makes the row from our timing and the error, without rival and not yet judged.
    """
    participants = [work.make(OURS, work.call)]
    participants += [work.make(name, call) for name, call in work.rivals.items()]
    timings = interleave([*participants, *work.probes], settings.effort)
    ours, share = timings[OURS], work.share(timings)
    nominal = None
    if settings.nominal and work.moved:
        nominal = work.moved / ours.median_s / settings.nominal
    plain = replace(row(ours, work.error), ceiling_by=share.winners)
    compared = [
        replace(plain, rival=name, rival_median_s=timings[name].median_s) for name in work.rivals
    ]
    return [judge(each, share.fraction, nominal) for each in compared or [plain]]


def rivals_of(settings: Settings, name: str, make: Callable[[Any], Work | None]) -> dict[str, Work]:
    """The calls of the rivals, which ``make`` asks one for; without those that refuse."""
    found = {}
    for rival in settings.rivals:
        try:
            call = make(rival)
            if call is not None:
                call()
                settings.framework.wait()
                found[rival.NAME] = call
        except Exception as error:  # whatever the rival raises
            message = str(error).strip().partition("\n")[0]
            settings.notice(f"{name}: {rival.NAME} left out ({type(error).__name__}: {message})")
    return found
